"""The one kind of error that a user can cause and mend."""


class UserError(Exception):
    """Something the user gave does not work: the message is one line that says what, where and what to do."""
