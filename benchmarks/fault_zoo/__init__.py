"""The fault zoo: every cause of the catalogue planted in healthy runs, to judge the diagnosis by."""
