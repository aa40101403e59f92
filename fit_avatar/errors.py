"""The one exception family of the package: a user's mistake, explained in one sentence."""


class FitAvatarError(Exception):
    """Something in the input does not allow a reconstruction.

    The message is one sentence: what is wrong, where (file or frame), and what to do next.
    The command line prints it without a traceback and exits with code 2.
    """


class BadInputError(FitAvatarError):
    """A file, folder or option that the user gave cannot be used."""


class UsageError(BadInputError):
    """The command line has an option that does not exist, or a value that an option does not take."""


class NoPersonError(FitAvatarError):
    """The clip does not show one whole person in enough frames."""


class MissingDependencyError(FitAvatarError):
    """An optional package or system library is not installed."""
