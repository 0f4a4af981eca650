"""SpatialGAN: generators that are steered by heatmaps, and EqGAN-SA, from which it grew."""
