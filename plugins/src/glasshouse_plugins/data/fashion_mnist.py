"""Fashion-MNIST: articles of clothing, in the format of MNIST."""

from __future__ import annotations

from typing import ClassVar

from glasshouse_plugins.data.idx_images import IDXImages


class FashionMNIST(IDXImages):
    """Articles of clothing, 28 x 28 grey pixels, ten classes: 60,000 images to train and 10,000 to test.

    With the test files alone, a seeded permutation of their images makes 8,000 for training and 2,000 for testing. The
    validation split is cut from training.

    Args:
        path: folder with the four files ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
            ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, each gzipped (``.gz``) or not; default:
            ``$GLASSHOUSE_DATA/fashion_mnist`` where that variable is set, else ``../shared/data/fashion_mnist``.
        validate: share of the images for training that becomes the validation split.
        check_files: whether to refuse files that, unpacked, are not the published ones, by MD5.
        batch_size: images per batch.
        split_seed: where the splits come from.
        seed: order of training batches; default: the seed of `seed_everything`.
        split: to split otherwise, ``{by: stratified | random, folds: 5, fold: 0}``.
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
