"""A camera's life beside issue and return: loss, repair, evidential hold, retirement; and kit due back from leavers."""
