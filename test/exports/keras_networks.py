"""Networks as people train them with Keras."""

import keras
from keras import layers


def classifier():
    """[batch, samples, 2] → [batch, 1], with dropout and batch norms."""
    keras.utils.set_random_seed(11)
    strain = keras.Input((None, 2), name="strain")
    x = layers.Conv1D(16, 15, strides=4, padding="same", activation="relu")(strain)
    for _ in range(3):
        y = layers.Conv1D(16, 7, padding="same", use_bias=False)(x)
        y = layers.BatchNormalization(moving_variance_initializer="random_uniform")(y)
        x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling1D()(x))
    model = keras.Model(strain, layers.Dense(1, name="score")(x))
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.moving_variance.assign(keras.ops.abs(layer.moving_variance) + 0.5)
    return model


class TwoWays(keras.Model):
    """A model of its own class: two inputs, a mapping of outputs, recurrent."""

    def __init__(self):
        super().__init__()
        self.encode = layers.GRU(8, return_sequences=True)
        self.decode = layers.Dense(3)

    def call(self, inputs, training=False):
        series, scale = inputs
        rebuilt = self.decode(self.encode(series * scale[:, None, :]))
        return {"rebuilt": rebuilt, "error": keras.ops.mean(keras.ops.square(rebuilt - series), (1, 2))}


def two_ways():
    keras.utils.set_random_seed(12)
    return TwoWays()


class Noisy(keras.Model):
    def call(self, x, training=False):
        return x + keras.random.normal(keras.ops.shape(x))


def write(folder):
    """The same classifier in every kind of file."""
    classifier().save(f"{folder}/classifier.keras")
    classifier().save(f"{folder}/classifier.h5")
    classifier().save_weights(f"{folder}/classifier.weights.h5")
