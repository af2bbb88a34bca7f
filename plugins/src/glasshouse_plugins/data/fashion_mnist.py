"""Fashion-MNIST: images of clothing in the format of MNIST."""

from __future__ import annotations

from typing import ClassVar

from glasshouse_plugins.data.idx_images import IDXImages


class FashionMNIST(IDXImages):
    """Images of clothing, 28 x 28 grey pixels, ten classes: 60,000 for training and 10,000 for testing.

    With the test files only, their images are split at random into 8,000 for training and 2,000 for testing. The
    validation split is taken from the training images.

    Args:
        path: folder with the four files ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
            ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, each gzipped (``.gz``) or not; default:
            ``$GLASSHOUSE_DATA/fashion_mnist`` if that variable is set, else ``../shared/data/fashion_mnist``.
        validate: fraction of the training images used as validation split, between 0 and 1.
        check_files: refuse files that are not the published ones when decompressed, by MD5.
        batch_size: images per batch.
        split_seed: seed of the random splits.
        seed: seed of the order of training batches; default: that of `seed_everything`.
        split: another split, e.g. ``{by: stratified | random, folds: 5, fold: 0}``.
    """

    name = "fashion_mnist"
    folder = "fashion_mnist"
    url = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
    digests: ClassVar = {
        "train-images-idx3-ubyte": "md5:f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "md5:9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "md5:8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "md5:15d484375f8d13e6eb1aabb0c3f46965",
    }
    label = "article"
    classes = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    source = "Xiao, Rasul and Vollgraf (2017), Fashion-MNIST, arXiv:1708.07747"
    licence = "MIT"
