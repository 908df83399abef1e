"""Searches, driven by hand."""


def states(method, setting):
    """All states of a search, from the first to the last."""
    state = method.init(setting)
    seen, work = [state], method.place(setting, state)
    while not method.finished(state):
        state, work = method.step(setting, state, work)
        seen.append(state)
    return seen
