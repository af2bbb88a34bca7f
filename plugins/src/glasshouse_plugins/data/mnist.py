"""MNIST: handwritten digits."""

from __future__ import annotations

from typing import ClassVar

from glasshouse_plugins.data.idx_images import IDXImages


class MNIST(IDXImages):
    """Handwritten digits, 28 x 28 grey pixels, ten classes: 60,000 images for training and 10,000 for testing.

    With the test files only, their images are split at random into 8,000 for training and 2,000 for testing. The
    validation split is taken from the training images.

    Args:
        path: folder with ``t10k-images-idx3-ubyte``, ``t10k-labels-idx1-ubyte`` and optionally
            ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, each gzipped (``.gz``) or not; default:
            ``$GLASSHOUSE_DATA/mnist`` if that variable is set, else ``../shared/data/mnist``.
        validate: fraction of the training images used as validation split, between 0 and 1.
        check_files: refuse files that are not the published ones when decompressed, by SHA-256.
        batch_size: images per batch.
        split_seed: seed of the random splits.
        seed: seed of the order of training batches; default: that of `seed_everything`.
        split: another split, e.g. ``{by: stratified | random, folds: 5, fold: 0}``.
    """

    name = "mnist"
    folder = "mnist"
    url = "https://storage.googleapis.com/cvdf-datasets/mnist/"
    digests: ClassVar = {
        "train-images-idx3-ubyte": "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    }
    label = "digit"
    classes = tuple("0123456789")
    source = (
        "LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document recognition, "
        "Proceedings of the IEEE 86(11)"
    )
    licence = "CC BY-SA 3.0"
