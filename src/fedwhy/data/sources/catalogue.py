"""`SOURCES`: the datasets by name."""

from functools import partial

from fedwhy.data.sources import heart_disease, images, shakespeare, stackoverflow, writers
from fedwhy.data.sources.digits import read_digits
from fedwhy.data.sources.source import SourceEntry, Variant

EMNIST_PAPER = "Cohen et al. 2017, EMNIST: extending MNIST to handwritten letters, IJCNN"
LEAF_PAPER = "Caldas et al. 2018, LEAF: a benchmark for federated settings, arXiv:1812.01097"
CIFAR_PAPER = "Krizhevsky 2009, Learning multiple layers of features from tiny images"
IMAGES = "image classification"

SOURCES: dict[str, SourceEntry] = {
    "digits": SourceEntry(
        "1,797 handwritten digits of 13 people, 8x8 grey pixels; embedded.",
        task=IMAGES,
        classes=10,
        shape=(8, 8, 1),
        licence="CC BY 4.0",
        citation="Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI "
        "Machine Learning Repository, https://doi.org/10.24432/C50P49",
        variants={None: Variant(read_digits)},
    ),
    "heart-disease": SourceEntry(
        "740 patients of four hospitals, 13 features; embedded; prepared and split as in FLamby.",
        task="diagnosis",
        classes=2,
        shape=(13,),
        licence="CC BY 4.0",
        citation="Janosi, Steinbrunn, Pfisterer and Detrano 1989, Heart Disease, UCI Machine "
        "Learning Repository, https://doi.org/10.24432/C52P4X",
        variants={
            "hospital": Variant(
                heart_disease.read_heart_disease, "hospitals", tuple(heart_disease.FILES.values())
            )
        },
    ),
    "mnist": SourceEntry(
        "70,000 handwritten digits, 28x28 grey pixels.",
        task=IMAGES,
        classes=10,
        shape=(28, 28, 1),
        licence="CC BY-SA 3.0",
        citation="LeCun, Bottou, Bengio and Haffner 1998, Gradient-based learning applied to "
        "document recognition, Proceedings of the IEEE 86(11)",
        variants={
            None: Variant(partial(images.read_mnist, "mnist", images.MNIST), files=images.MNIST)
        },
    ),
    "fashion-mnist": SourceEntry(
        "70,000 pieces of clothing, 28x28 grey pixels.",
        task=IMAGES,
        classes=10,
        shape=(28, 28, 1),
        licence="MIT",
        citation="Xiao, Rasul and Vollgraf 2017, Fashion-MNIST, arXiv:1708.07747",
        variants={
            None: Variant(
                partial(images.read_mnist, "fashion-mnist", images.FASHION_MNIST),
                files=images.FASHION_MNIST,
            )
        },
    ),
    "emnist": SourceEntry(
        "814,255 handwritten digits and letters, 28x28 grey pixels; by writer: TFF's 749,068.",
        task=IMAGES,
        classes=62,
        shape=(28, 28, 1),
        licence="public domain (NIST)",
        citation=f"{EMNIST_PAPER}; by writer: {LEAF_PAPER}",
        variants={
            None: Variant(images.read_emnist, files=(images.EMNIST,)),
            "writer": Variant(writers.read_emnist_writers, "3,400 writers", (writers.EMNIST,)),
        },
    ),
    "femnist": SourceEntry(
        "EMNIST by writer as LEAF's own scripts write it, 28x28 grey pixels.",
        task=IMAGES,
        classes=62,
        shape=(28, 28, 1),
        licence="BSD 2-Clause (LEAF)",
        citation=LEAF_PAPER,
        variants={"writer": Variant(writers.read_femnist, "writers")},
    ),
    "cifar10": SourceEntry(
        "60,000 photographs of ten kinds, 32x32 colour pixels.",
        task=IMAGES,
        classes=10,
        shape=(32, 32, 3),
        licence="none stated",
        citation=CIFAR_PAPER,
        variants={None: Variant(images.read_cifar10, files=(images.CIFAR10,))},
    ),
    "cifar100": SourceEntry(
        "60,000 photographs of a hundred kinds, 32x32 colour pixels.",
        task=IMAGES,
        classes=100,
        shape=(32, 32, 3),
        licence="none stated",
        citation=f"{CIFAR_PAPER}; by pachinko: Reddi et al. 2021, Adaptive federated optimization, "
        "ICLR",
        variants={
            None: Variant(images.read_cifar100, files=(images.CIFAR100,)),
            "pachinko": Variant(
                writers.read_cifar100_clients, "TFF's 500 clients", (writers.CIFAR100,)
            ),
        },
    ),
    "shakespeare": SourceEntry(
        "The next character in Shakespeare's plays, sequences of 80; padding is class 0.",
        task="next character",
        classes=shakespeare.CLASSES,
        shape=(shakespeare.LENGTH,),
        licence="public domain (text)",
        citation="McMahan et al. 2017, Communication-efficient learning of deep networks from "
        f"decentralized data, AISTATS; {LEAF_PAPER}",
        variants={
            "role": Variant(
                shakespeare.read_roles,
                "715 roles",
                (shakespeare.ROLES, *shakespeare.UNPACKED.values()),
            ),
            "speaker": Variant(
                shakespeare.read_speakers, "speakers of a plain text", (shakespeare.SPEECHES,)
            ),
        },
    ),
    "stackoverflow": SourceEntry(
        "The next word in sentences of Stack Overflow, sequences of 20; padding is class 0.",
        task="next word",
        classes=stackoverflow.CLASSES,
        shape=(stackoverflow.LENGTH,),
        licence="CC BY-SA 3.0",
        citation="Reddi et al. 2021, Adaptive federated optimization, ICLR, appendix C",
        variants={
            "user": Variant(
                stackoverflow.read_stackoverflow,
                "342,477 users",
                (stackoverflow.POSTS, stackoverflow.COUNTS),
            )
        },
    ),
}
