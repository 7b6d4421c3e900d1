class Module:
    def __call__(self, *args):
        return self.forward(*args)

    def to(self, _device):
        return self

    def eval(self):
        return self

    def parameters(self):
        return []

    def load_state_dict(self, state):
        vars(self).update(state)
