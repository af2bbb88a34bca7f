"""What a trained model gives away about the rows it was trained on."""
