"""Models, one a file: plain `torch.nn.Module`s."""
