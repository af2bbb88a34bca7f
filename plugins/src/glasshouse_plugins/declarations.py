"""What this distribution brings; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterator

from glasshouse import DataPlugin, ModelPlugin, OptimizerPlugin, SchedulerPlugin, TechniquePlugin, hookimpl

glasshouse_spec = "1.0"


@hookimpl
def glasshouse_models() -> Iterator[ModelPlugin]:
    yield ModelPlugin(
        name="recommender",
        target="glasshouse_plugins.models.recommender:Recommender",
        summary="users and items: matrix factorisation, or two towers with `hidden` (Koren et al. 2009)",
        aliases=("matrix_factorization",),
        modalities=("sequence",),
        targets=("binary", "regression"),
    )
    yield ModelPlugin(
        name="linear",
        target="glasshouse_plugins.models.linear:Linear",
        summary="one linear layer: logistic, softmax or linear regression",
        modalities=("tabular", "image"),
    )
    yield ModelPlugin(
        name="mlp",
        target="glasshouse_plugins.models.mlp:MLP",
        summary="fully connected layers; embeddings for categorical columns, dropout, batch norm",
        modalities=("tabular", "image"),
    )
    yield ModelPlugin(
        name="ft_transformer",
        target="glasshouse_plugins.models.ft_transformer:FTTransformer",
        summary="a vector for each feature and attention between them (Gorishniy et al. 2021)",
    )
    yield ModelPlugin(
        name="cnn",
        target="glasshouse_plugins.models.cnn:CNN",
        summary="convolution blocks with batch norm, then one linear layer",
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
        summary="blocks of 3 x 3 convolutions with batch norm (Simonyan and Zisserman 2015)",
        modalities=("image",),
    )
    yield ModelPlugin(
        name="resnet",
        target="glasshouse_plugins.models.resnet:ResNet",
        summary="residual blocks, 18 to 50 layers deep, with a stem for small pictures (He et al. 2016)",
        modalities=("image",),
    )
    yield ModelPlugin(
        name="inception",
        target="glasshouse_plugins.models.inception:Inception",
        summary="convolutions of several sizes side by side (Szegedy et al. 2015)",
        modalities=("image",),
    )
    yield ModelPlugin(
        name="autoencoder",
        target="glasshouse_plugins.models.autoencoder:Autoencoder",
        summary="squeezes rows through a few numbers; what is lost tells the unusual ones; looks at no labels",
        modalities=("tabular", "image"),
    )
    yield ModelPlugin(
        name="vae",
        target="glasshouse_plugins.models.vae:VAE",
        summary="variational autoencoder: unusual rows, and new ones (Kingma and Welling 2014); looks at no labels",
        modalities=("tabular", "image"),
        provides=("generate",),
    )
    yield ModelPlugin(
        name="gan",
        target="glasshouse_plugins.models.gan:GAN",
        summary="generates pictures against a discriminator (Goodfellow et al. 2014); looks at no labels",
        modalities=("image",),
        provides=("generate",),
    )
    yield ModelPlugin(
        name="text_cnn",
        target="glasshouse_plugins.models.text_cnn:TextCNN",
        summary="convolutions over word vectors (Kim 2014)",
        modalities=("text",),
        provides=("embed",),
    )
    yield ModelPlugin(
        name="rnn",
        target="glasshouse_plugins.models.rnn:RNN",
        summary="a plain recurrent network in both directions with variational dropout",
        modalities=("text", "sequence"),
        provides=("embed",),
    )
    yield ModelPlugin(
        name="gru",
        target="glasshouse_plugins.models.gru:GRU",
        summary="GRU in both directions with variational dropout",
        modalities=("text", "sequence"),
        provides=("embed",),
    )
    yield ModelPlugin(
        name="lstm",
        target="glasshouse_plugins.models.lstm:LSTM",
        summary="LSTM in both directions with variational dropout (Gal and Ghahramani 2016)",
        modalities=("text", "sequence"),
        provides=("embed",),
    )
    yield ModelPlugin(
        name="transformer",
        target="glasshouse_plugins.models.transformer:Transformer",
        summary="a transformer's encoder (Vaswani et al. 2017) over words or numbers",
        modalities=("text", "sequence"),
        provides=("embed",),
    )
    yield ModelPlugin(
        name="causal_lm",
        target="glasshouse_plugins.models.causal_lm:CausalLM",
        summary="a transformer's decoder that foretells words and writes texts (as GPT-2)",
        modalities=("text",),
        provides=("embed", "token_losses", "continue_text"),
    )
    yield ModelPlugin(
        name="huggingface",
        target="glasshouse_plugins.models.huggingface:HuggingFace",
        summary="a sequence classifier of the transformers library: a local folder, or built from its config",
        modalities=("text",),
        provides=("embed",),
        requires_import=("transformers",),
        install_hint="pip install glasshouse-plugins[transformers]",
    )
    yield ModelPlugin(
        name="ensemble",
        target="glasshouse_plugins.models.ensemble:Ensemble",
        summary="several networks, each trained by its own loss, whose probabilities are averaged",
        modalities=("tabular", "image", "text", "sequence"),
        members=("members", "member"),
    )


@hookimpl
def glasshouse_data() -> Iterator[DataPlugin]:
    yield DataPlugin(
        name="interactions",
        target="glasshouse_plugins.data.interactions:Interactions",
        summary="any CSV or Parquet file of users and items: ratings, clicks, or what happened alone",
        modalities=("sequence",),
        targets=("binary", "regression"),
    )
    yield DataPlugin(
        name="diabetes",
        target="glasshouse_plugins.data.diabetes:Diabetes",
        summary="442 patients, disease progression after one year (inside scikit-learn)",
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
        summary="569 tumours, malignant or benign (inside scikit-learn)",
        targets=("binary",),
    )
    yield DataPlugin(
        name="german_credit",
        target="glasshouse_plugins.data.german_credit:GermanCredit",
        summary="Statlog German Credit: 1,000 borrowers, good or bad risks",
        targets=("binary",),
    )
    yield DataPlugin(
        name="compas",
        target="glasshouse_plugins.data.compas:Compas",
        summary="ProPublica's COMPAS file: 6,172 defendants, arrested again within two years",
        targets=("binary",),
    )
    yield DataPlugin(
        name="acs",
        target="glasshouse_plugins.data.acs:ACS",
        summary="American Community Survey with the tasks of folktables: income, employment and others",
        targets=("binary",),
    )
    yield DataPlugin(
        name="table",
        target="glasshouse_plugins.data.table:Table",
        summary="any CSV, Parquet or Arrow file, or a query to a database, with a target column",
        targets=("binary", "multiclass", "regression"),
    )
    yield DataPlugin(
        name="openml",
        target="glasshouse_plugins.data.openml:OpenML",
        summary="any table of openml.org, kept in a folder",
        targets=("binary", "multiclass", "regression"),
        requires_import=("pandas",),
        install_hint="pip install glasshouse-plugins[openml]",
    )
    yield DataPlugin(
        name="synthetic_bias",
        target="glasshouse_plugins.data.synthetic_bias:SyntheticBias",
        summary="made-up people whose bias is known: what audits ought to find",
        targets=("binary", "regression"),
    )
    yield DataPlugin(
        name="time_series_table",
        target="glasshouse_plugins.data.time_series_table:TimeSeriesTable",
        summary="windows over any CSV, Parquet or Arrow file of time series",
        modalities=("sequence",),
        targets=("binary", "multiclass", "regression"),
    )
    yield DataPlugin(
        name="mnist",
        target="glasshouse_plugins.data.mnist:MNIST",
        summary="handwritten digits, 28 x 28: the official files, or 8,000 and 2,000 of the test file",
        modalities=("image",),
        targets=("multiclass",),
    )
    yield DataPlugin(
        name="digits",
        target="glasshouse_plugins.data.digits:Digits",
        summary="1,797 handwritten digits, 8 x 8 (inside scikit-learn)",
        modalities=("image",),
        targets=("multiclass",),
    )
    yield DataPlugin(
        name="fashion_mnist",
        target="glasshouse_plugins.data.fashion_mnist:FashionMNIST",
        summary="articles of clothing, 28 x 28: the official files",
        modalities=("image",),
        targets=("multiclass",),
    )
    yield DataPlugin(
        name="cifar10",
        target="glasshouse_plugins.data.cifar10:CIFAR10",
        summary="60,000 small pictures in colour: the published binary or Python batches",
        modalities=("image",),
        targets=("multiclass",),
    )
    yield DataPlugin(
        name="image_folder",
        target="glasshouse_plugins.data.image_folder:ImageFolder",
        summary="any folder of pictures with one folder a class",
        modalities=("image",),
        targets=("binary", "multiclass"),
        requires_import=("PIL",),
        install_hint="pip install glasshouse-plugins[images]",
    )
    yield DataPlugin(
        name="sms_spam",
        target="glasshouse_plugins.data.sms_spam:SMSSpam",
        summary="SMS Spam Collection: 5,574 text messages, wanted or spam",
        modalities=("text",),
        targets=("binary",),
    )
    yield DataPlugin(
        name="text_table",
        target="glasshouse_plugins.data.text_table:TextTable",
        summary="any CSV or Parquet file with a column of text and a target column",
        modalities=("text",),
        targets=("binary", "multiclass", "regression"),
    )


@hookimpl
def glasshouse_optimizers() -> Iterator[OptimizerPlugin]:
    optimizers = "glasshouse_plugins.optimizers"
    yield OptimizerPlugin(
        name="gd", target=f"{optimizers}.gd:GD", summary="gradient descent over all rows at once, one step an epoch"
    )
    yield OptimizerPlugin(name="sgd", target=f"{optimizers}.sgd:SGD", summary="stochastic gradient descent")
    yield OptimizerPlugin(name="momentum", target=f"{optimizers}.momentum:Momentum", summary="SGD with momentum 0.9")
    yield OptimizerPlugin(
        name="nesterov", target=f"{optimizers}.nesterov:Nesterov", summary="SGD that looks ahead (Nesterov 1983)"
    )
    yield OptimizerPlugin(
        name="adagrad", target=f"{optimizers}.adagrad:Adagrad", summary="Adagrad (Duchi, Hazan and Singer 2011)"
    )
    yield OptimizerPlugin(name="rmsprop", target=f"{optimizers}.rmsprop:RMSprop", summary="RMSprop (Hinton 2012)")
    yield OptimizerPlugin(name="adam", target=f"{optimizers}.adam:Adam", summary="Adam, fused (Kingma and Ba 2015)")
    yield OptimizerPlugin(
        name="adamw",
        target=f"{optimizers}.adamw:AdamW",
        summary="Adam with decoupled weight decay, fused (Loshchilov and Hutter 2019)",
    )
    yield OptimizerPlugin(
        name="lbfgs", target=f"{optimizers}.lbfgs:LBFGS", summary="L-BFGS over all rows at once (Liu and Nocedal 1989)"
    )
    yield OptimizerPlugin(
        name="sam", target=f"{optimizers}.sam:SAM", summary="sharpness-aware minimisation (Foret et al. 2021)"
    )


@hookimpl
def glasshouse_lr_schedulers() -> Iterator[SchedulerPlugin]:
    schedules = "glasshouse_plugins.optimizers.schedules"
    yield SchedulerPlugin(name="constant", target=f"{schedules}:Constant", summary="the same rate throughout")
    yield SchedulerPlugin(name="step", target=f"{schedules}:Step", summary="divide the rate every few epochs")
    yield SchedulerPlugin(
        name="cosine", target=f"{schedules}:Cosine", summary="half a cosine down to zero", interval="step"
    )
    yield SchedulerPlugin(
        name="one_cycle", target=f"{schedules}:OneCycle", summary="up, then down (Smith 2018)", interval="step"
    )
    yield SchedulerPlugin(
        name="warmup_cosine", target=f"{schedules}:WarmupCosine", summary="linear warm-up, then cosine", interval="step"
    )
    yield SchedulerPlugin(name="plateau", target=f"{schedules}:Plateau", summary="lower the rate when loss stalls")


@hookimpl
def glasshouse_techniques() -> Iterator[TechniquePlugin]:
    techniques = "glasshouse_plugins.techniques"
    yield TechniquePlugin(
        name="early_stopping",
        target=f"{techniques}.early_stopping:EarlyStopping",
        summary="end training when the validation loss no longer falls",
    )
    yield TechniquePlugin(
        name="compile",
        target=f"{techniques}.compile:Compile",
        summary="train through torch.compile",
    )
    yield TechniquePlugin(
        name="parameter_groups",
        target=f"{techniques}.parameter_groups:ParameterGroups",
        summary="no weight decay on norms and biases; options of the optimizer by parameters' names",
    )
    yield TechniquePlugin(
        name="l1_penalty",
        target=f"{techniques}.l1_penalty:L1Penalty",
        summary="a penalty on absolute weights (Tibshirani 1996)",
    )
    yield TechniquePlugin(
        name="l2_penalty",
        target=f"{techniques}.l2_penalty:L2Penalty",
        summary="a penalty on squared weights (Hoerl and Kennard 1970)",
    )
    yield TechniquePlugin(
        name="random_flip",
        target=f"{techniques}.random_flip:RandomFlip",
        summary="mirror training pictures at random",
    )
    yield TechniquePlugin(
        name="random_crop",
        target=f"{techniques}.random_crop:RandomCrop",
        summary="pad training pictures and cut them at random",
    )
    yield TechniquePlugin(
        name="random_rotation",
        target=f"{techniques}.random_rotation:RandomRotation",
        summary="turn training pictures at random",
    )
    yield TechniquePlugin(
        name="random_erasing",
        target=f"{techniques}.random_erasing:RandomErasing",
        summary="paint over a part of training pictures (Zhong et al. 2020)",
    )
    yield TechniquePlugin(
        name="mixup",
        target=f"{techniques}.mixup:Mixup",
        summary="train on means of two rows (Zhang et al. 2018)",
    )
    yield TechniquePlugin(
        name="cutmix",
        target=f"{techniques}.cutmix:CutMix",
        summary="train on pictures with a part of another (Yun et al. 2019)",
    )
    yield TechniquePlugin(
        name="token_dropout",
        target=f"{techniques}.token_dropout:TokenDropout",
        summary="make training words unknown at random",
    )
    yield TechniquePlugin(
        name="token_swap",
        target=f"{techniques}.token_swap:TokenSwap",
        summary="let neighbouring training words change places",
    )
    yield TechniquePlugin(
        name="feature_noise",
        target=f"{techniques}.feature_noise:FeatureNoise",
        summary="noise on the numbers of training rows",
    )
    yield TechniquePlugin(
        name="feature_masking",
        target=f"{techniques}.feature_masking:FeatureMasking",
        summary="hide features of training rows at random",
    )
    yield TechniquePlugin(
        name="reweighing",
        target=f"{techniques}.reweighing:Reweighing",
        summary="row weights that make group and label independent (Kamiran and Calders 2012)",
    )
    yield TechniquePlugin(
        name="fair_regularizer",
        target=f"{techniques}.fair_regularizer:FairRegularizer",
        summary="a penalty on mean scores that differ between groups (after Zafar et al. 2017)",
    )
    yield TechniquePlugin(
        name="adversarial_debiasing",
        target=f"{techniques}.adversarial_debiasing:AdversarialDebiasing",
        summary="learn scores from which an adversary cannot tell the group (Zhang et al. 2018)",
    )
