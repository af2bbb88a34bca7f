"""Declares the plugins of this distribution; imports no heavy library."""

from __future__ import annotations

from collections.abc import Iterator

from glasshouse import (
    CommandPlugin,
    DataPlugin,
    ModelPlugin,
    OptimizerPlugin,
    SchedulerPlugin,
    TechniquePlugin,
    hookimpl,
)

glasshouse_spec = "1.0"


@hookimpl
def glasshouse_commands() -> Iterator[CommandPlugin]:
    yield CommandPlugin(
        name="inspect",
        target="glasshouse_plugins.inspection.command:inspect",
        summary="show what is in a table, and write a first run.yaml",
    )


@hookimpl
def glasshouse_models() -> Iterator[ModelPlugin]:
    yield ModelPlugin(
        name="recommender",
        target="glasshouse_plugins.models.recommender:Recommender",
        summary="matrix factorisation for users and items (Koren et al. 2009); two towers with `hidden`",
        aliases=("matrix_factorization",),
        modalities=("sequence",),
        targets=("binary", "regression"),
    )
    yield ModelPlugin(
        name="linear",
        target="glasshouse_plugins.models.linear:Linear",
        summary="linear, logistic or softmax regression",
        modalities=("tabular", "image"),
    )
    yield ModelPlugin(
        name="mlp",
        target="glasshouse_plugins.models.mlp:MLP",
        summary="multi-layer perceptron with embeddings of categorical columns, dropout and batch norm",
        modalities=("tabular", "image"),
    )
    yield ModelPlugin(
        name="ft_transformer",
        target="glasshouse_plugins.models.ft_transformer:FTTransformer",
        summary="FT-Transformer for tables: one token per feature, self-attention (Gorishniy et al. 2021)",
    )
    yield ModelPlugin(
        name="cnn",
        target="glasshouse_plugins.models.cnn:CNN",
        summary="convolutional network: blocks of convolution, batch norm and pooling, then a linear layer",
        modalities=("image",),
    )
    yield ModelPlugin(
        name="lenet",
        target="glasshouse_plugins.models.lenet:LeNet",
        summary="LeNet-5 (LeCun et al. 1998)",
        modalities=("image",),
    )
    yield ModelPlugin(
        name="vgg",
        target="glasshouse_plugins.models.vgg:VGG",
        summary="VGG with batch norm: blocks of 3 x 3 convolutions (Simonyan and Zisserman 2015)",
        modalities=("image",),
    )
    yield ModelPlugin(
        name="resnet",
        target="glasshouse_plugins.models.resnet:ResNet",
        summary="ResNet-18, -34 or -50 with a stem for small images (He et al. 2016)",
        modalities=("image",),
    )
    yield ModelPlugin(
        name="inception",
        target="glasshouse_plugins.models.inception:Inception",
        summary="Inception network: parallel convolutions of several sizes (Szegedy et al. 2015)",
        modalities=("image",),
    )
    yield ModelPlugin(
        name="autoencoder",
        target="glasshouse_plugins.models.autoencoder:Autoencoder",
        summary="autoencoder; reconstruction error as anomaly score; trained without labels",
        modalities=("tabular", "image"),
    )
    yield ModelPlugin(
        name="vae",
        target="glasshouse_plugins.models.vae:VAE",
        summary="variational autoencoder: anomaly score and sampling; trained without labels (Kingma and Welling 2014)",
        modalities=("tabular", "image"),
        provides=("generate",),
    )
    yield ModelPlugin(
        name="gan",
        target="glasshouse_plugins.models.gan:GAN",
        summary="generative adversarial network for images; trained without labels (Goodfellow et al. 2014)",
        modalities=("image",),
        provides=("generate",),
    )
    yield ModelPlugin(
        name="text_cnn",
        target="glasshouse_plugins.models.text_cnn:TextCNN",
        summary="convolutional text classifier (Kim 2014)",
        modalities=("text",),
        provides=("embed",),
    )
    yield ModelPlugin(
        name="rnn",
        target="glasshouse_plugins.models.rnn:RNN",
        summary="bidirectional recurrent network (Elman 1990) with variational dropout",
        modalities=("text", "sequence"),
        provides=("embed",),
    )
    yield ModelPlugin(
        name="gru",
        target="glasshouse_plugins.models.gru:GRU",
        summary="bidirectional GRU (Cho et al. 2014) with variational dropout",
        modalities=("text", "sequence"),
        provides=("embed",),
    )
    yield ModelPlugin(
        name="lstm",
        target="glasshouse_plugins.models.lstm:LSTM",
        summary="bidirectional LSTM (Hochreiter and Schmidhuber 1997) with variational dropout",
        modalities=("text", "sequence"),
        provides=("embed",),
    )
    yield ModelPlugin(
        name="transformer",
        target="glasshouse_plugins.models.transformer:Transformer",
        summary="transformer encoder for text or numeric sequences (Vaswani et al. 2017)",
        modalities=("text", "sequence"),
        provides=("embed",),
    )
    yield ModelPlugin(
        name="causal_lm",
        target="glasshouse_plugins.models.causal_lm:CausalLM",
        summary="decoder-only language model (GPT-2 style); trained without labels",
        modalities=("text",),
        provides=("embed", "token_losses", "continue_text"),
    )
    yield ModelPlugin(
        name="huggingface",
        target="glasshouse_plugins.models.huggingface:HuggingFace",
        summary="sequence classifier of the transformers library, from a local folder or from its config",
        modalities=("text",),
        provides=("embed",),
        requires_import=("transformers",),
        install_hint="pip install glasshouse-plugins[transformers]",
    )
    yield ModelPlugin(
        name="ensemble",
        target="glasshouse_plugins.models.ensemble:Ensemble",
        summary="deep ensemble: averages the predictions of independently trained networks",
        modalities=("tabular", "image", "text", "sequence"),
        members=("members", "member"),
    )


@hookimpl
def glasshouse_data() -> Iterator[DataPlugin]:
    yield DataPlugin(
        name="interactions",
        target="glasshouse_plugins.data.interactions:Interactions",
        summary="users and items of any table: ratings, clicks or implicit feedback",
        modalities=("sequence",),
        targets=("binary", "regression"),
    )
    yield DataPlugin(
        name="diabetes",
        target="glasshouse_plugins.data.diabetes:Diabetes",
        summary="442 patients, disease progression after one year (from scikit-learn)",
        targets=("binary", "regression"),
    )
    yield DataPlugin(
        name="adult",
        target="glasshouse_plugins.data.adult:Adult",
        summary="UCI Adult: 48,842 people of the 1994 US census, income above 50K",
        targets=("binary",),
    )
    yield DataPlugin(
        name="breast_cancer",
        target="glasshouse_plugins.data.breast_cancer:BreastCancer",
        summary="569 tumours, malignant or benign (from scikit-learn)",
        targets=("binary",),
    )
    yield DataPlugin(
        name="german_credit",
        target="glasshouse_plugins.data.german_credit:GermanCredit",
        summary="Statlog German Credit: 1,000 borrowers, good or bad credit risk",
        targets=("binary",),
    )
    yield DataPlugin(
        name="compas",
        target="glasshouse_plugins.data.compas:Compas",
        summary="ProPublica's COMPAS data: 6,172 defendants, rearrest within two years",
        targets=("binary",),
    )
    yield DataPlugin(
        name="acs",
        target="glasshouse_plugins.data.acs:ACS",
        summary="American Community Survey with the folktables tasks: income, employment and others",
        targets=("binary",),
    )
    yield DataPlugin(
        name="table",
        target="glasshouse_plugins.data.table:Table",
        summary="any CSV, Parquet or Arrow file, or an SQL query, with a target column",
        targets=("binary", "multiclass", "regression"),
    )
    yield DataPlugin(
        name="openml",
        target="glasshouse_plugins.data.openml:OpenML",
        summary="any data set of openml.org",
        targets=("binary", "multiclass", "regression"),
        requires_import=("pandas",),
        install_hint="pip install glasshouse-plugins[openml]",
    )
    yield DataPlugin(
        name="synthetic_bias",
        target="glasshouse_plugins.data.synthetic_bias:SyntheticBias",
        summary="synthetic people with known bias, to test audits against the truth",
        targets=("binary", "regression"),
    )
    yield DataPlugin(
        name="time_series_table",
        target="glasshouse_plugins.data.time_series_table:TimeSeriesTable",
        summary="sliding windows over time series in any CSV, Parquet or Arrow file",
        modalities=("sequence",),
        targets=("binary", "multiclass", "regression"),
    )
    yield DataPlugin(
        name="mnist",
        target="glasshouse_plugins.data.mnist:MNIST",
        summary="handwritten digits, 28 x 28: 70,000 images, or the 10,000 of the test files",
        modalities=("image",),
        targets=("multiclass",),
    )
    yield DataPlugin(
        name="digits",
        target="glasshouse_plugins.data.digits:Digits",
        summary="1,797 handwritten digits, 8 x 8 (from scikit-learn)",
        modalities=("image",),
        targets=("multiclass",),
    )
    yield DataPlugin(
        name="fashion_mnist",
        target="glasshouse_plugins.data.fashion_mnist:FashionMNIST",
        summary="Fashion-MNIST: 70,000 images of clothing, 28 x 28",
        modalities=("image",),
        targets=("multiclass",),
    )
    yield DataPlugin(
        name="cifar10",
        target="glasshouse_plugins.data.cifar10:CIFAR10",
        summary="CIFAR-10: 60,000 colour images, 32 x 32 (binary version)",
        modalities=("image",),
        targets=("multiclass",),
    )
    yield DataPlugin(
        name="image_folder",
        target="glasshouse_plugins.data.image_folder:ImageFolder",
        summary="any folder of images with one subfolder per class",
        modalities=("image",),
        targets=("binary", "multiclass"),
        requires_import=("PIL",),
        install_hint="pip install glasshouse-plugins[images]",
    )
    yield DataPlugin(
        name="sms_spam",
        target="glasshouse_plugins.data.sms_spam:SMSSpam",
        summary="SMS Spam Collection: 5,574 text messages, spam or not",
        modalities=("text",),
        targets=("binary",),
    )
    yield DataPlugin(
        name="text_table",
        target="glasshouse_plugins.data.text_table:TextTable",
        summary="any CSV, Parquet or Arrow file with a text column and a target column",
        modalities=("text",),
        targets=("binary", "multiclass", "regression"),
    )


@hookimpl
def glasshouse_optimizers() -> Iterator[OptimizerPlugin]:
    optimizers = "glasshouse_plugins.optimizers"
    yield OptimizerPlugin(
        name="gd", target=f"{optimizers}.gd:GD", summary="full-batch gradient descent, one step per epoch"
    )
    yield OptimizerPlugin(name="sgd", target=f"{optimizers}.sgd:SGD", summary="stochastic gradient descent")
    yield OptimizerPlugin(
        name="momentum", target=f"{optimizers}.momentum:Momentum", summary="SGD with momentum (Sutskever et al. 2013)"
    )
    yield OptimizerPlugin(
        name="nesterov", target=f"{optimizers}.nesterov:Nesterov", summary="SGD with Nesterov momentum (Nesterov 1983)"
    )
    yield OptimizerPlugin(
        name="adagrad", target=f"{optimizers}.adagrad:Adagrad", summary="Adagrad (Duchi, Hazan and Singer 2011)"
    )
    yield OptimizerPlugin(name="rmsprop", target=f"{optimizers}.rmsprop:RMSprop", summary="RMSprop (Hinton 2012)")
    yield OptimizerPlugin(name="adam", target=f"{optimizers}.adam:Adam", summary="Adam (Kingma and Ba 2015)")
    yield OptimizerPlugin(
        name="adamw",
        target=f"{optimizers}.adamw:AdamW",
        summary="Adam with decoupled weight decay (Loshchilov and Hutter 2019)",
    )
    yield OptimizerPlugin(
        name="lbfgs",
        target=f"{optimizers}.lbfgs:LBFGS",
        summary="full-batch L-BFGS with line search (Liu and Nocedal 1989)",
    )
    yield OptimizerPlugin(
        name="sam", target=f"{optimizers}.sam:SAM", summary="sharpness-aware minimisation (Foret et al. 2021)"
    )


@hookimpl
def glasshouse_lr_schedulers() -> Iterator[SchedulerPlugin]:
    schedules = "glasshouse_plugins.optimizers.schedules"
    yield SchedulerPlugin(name="constant", target=f"{schedules}:Constant", summary="constant learning rate")
    yield SchedulerPlugin(
        name="step", target=f"{schedules}:Step", summary="multiply the learning rate by gamma every few epochs"
    )
    yield SchedulerPlugin(
        name="cosine",
        target=f"{schedules}:Cosine",
        summary="cosine annealing without restarts (Loshchilov and Hutter 2017)",
        interval="step",
    )
    yield SchedulerPlugin(
        name="one_cycle",
        target=f"{schedules}:OneCycle",
        summary="one-cycle schedule: increase, then decrease (Smith and Topin 2018)",
        interval="step",
    )
    yield SchedulerPlugin(
        name="warmup_cosine",
        target=f"{schedules}:WarmupCosine",
        summary="linear warm-up, then cosine annealing",
        interval="step",
    )
    yield SchedulerPlugin(
        name="plateau", target=f"{schedules}:Plateau", summary="reduce the learning rate when a metric stops improving"
    )


@hookimpl
def glasshouse_techniques() -> Iterator[TechniquePlugin]:
    techniques = "glasshouse_plugins.techniques"
    yield TechniquePlugin(
        name="early_stopping",
        target=f"{techniques}.early_stopping:EarlyStopping",
        summary="stop training when the validation loss stops improving",
    )
    yield TechniquePlugin(
        name="compile",
        target=f"{techniques}.compile:Compile",
        summary="train with torch.compile",
    )
    yield TechniquePlugin(
        name="parameter_groups",
        target=f"{techniques}.parameter_groups:ParameterGroups",
        summary="optimizer options per parameter; no weight decay on norms and biases",
    )
    yield TechniquePlugin(
        name="l1_penalty",
        target=f"{techniques}.l1_penalty:L1Penalty",
        summary="L1 penalty on the weights (Tibshirani 1996)",
    )
    yield TechniquePlugin(
        name="l2_penalty",
        target=f"{techniques}.l2_penalty:L2Penalty",
        summary="L2 penalty on the weights (Hoerl and Kennard 1970)",
    )
    yield TechniquePlugin(
        name="random_flip",
        target=f"{techniques}.random_flip:RandomFlip",
        summary="flip training images at random",
    )
    yield TechniquePlugin(
        name="random_crop",
        target=f"{techniques}.random_crop:RandomCrop",
        summary="pad training images and crop them at random (He et al. 2016)",
    )
    yield TechniquePlugin(
        name="random_rotation",
        target=f"{techniques}.random_rotation:RandomRotation",
        summary="rotate training images at random",
    )
    yield TechniquePlugin(
        name="random_erasing",
        target=f"{techniques}.random_erasing:RandomErasing",
        summary="replace a random rectangle of training images by noise (Zhong et al. 2020)",
    )
    yield TechniquePlugin(
        name="mixup",
        target=f"{techniques}.mixup:Mixup",
        summary="mixup: train on weighted means of two rows (Zhang et al. 2018)",
    )
    yield TechniquePlugin(
        name="cutmix",
        target=f"{techniques}.cutmix:CutMix",
        summary="CutMix: replace a rectangle of an image by that of another image (Yun et al. 2019)",
    )
    yield TechniquePlugin(
        name="token_dropout",
        target=f"{techniques}.token_dropout:TokenDropout",
        summary="replace random tokens of training texts by the unknown token",
    )
    yield TechniquePlugin(
        name="token_swap",
        target=f"{techniques}.token_swap:TokenSwap",
        summary="swap random neighbouring tokens of training texts",
    )
    yield TechniquePlugin(
        name="feature_noise",
        target=f"{techniques}.feature_noise:FeatureNoise",
        summary="add Gaussian noise to numeric features of training rows",
    )
    yield TechniquePlugin(
        name="feature_masking",
        target=f"{techniques}.feature_masking:FeatureMasking",
        summary="mask random features of training rows",
    )
    yield TechniquePlugin(
        name="reweighing",
        target=f"{techniques}.reweighing:Reweighing",
        summary="row weights that make group and label independent (Kamiran and Calders 2012)",
    )
    yield TechniquePlugin(
        name="fair_regularizer",
        target=f"{techniques}.fair_regularizer:FairRegularizer",
        summary="penalty on differences in mean score between groups (after Zafar et al. 2017)",
    )
    yield TechniquePlugin(
        name="adversarial_debiasing",
        target=f"{techniques}.adversarial_debiasing:AdversarialDebiasing",
        summary="train against an adversary that predicts the group (Zhang et al. 2018)",
    )
