"""The fault zoo: causes of trouble planted in healthy runs, to judge the diagnosis by."""
