"""BachGAN and SPADE (Li et al. 2020, Park et al. 2019): pictures from labelled boxes or label maps."""
