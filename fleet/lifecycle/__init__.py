"""What becomes of a camera beside issue and return: loss, repair, hold, the end of its life; leavers and exceptions."""
