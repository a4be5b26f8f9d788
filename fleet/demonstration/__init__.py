"""A made-up force with the real one's figures: 4,390 cameras, the officers who have them, sites, docks, Tasers.

Everything is computed from the figures and an index, so every installation shows the same force; only dates are
relative to the day of loading, so that training and loans are as current as on the first day. It is loaded in parts,
each once: a later version adds its new parts to a register that somebody has been using.

Source of the figures: ¶5 (1,617 Body 2 of which 1,250 issued; 263 Flex 2 of which 230) and ¶7 (2,400 and 110 more).
"""

from fleet.demonstration.armoury import make_keys
from fleet.demonstration.parts import SIGN_INS, DemonstrationPart, load, use_password

__all__ = ["SIGN_INS", "DemonstrationPart", "load", "make_keys", "use_password"]
