"""Models, one per file: plain `torch.nn.Module`s."""
