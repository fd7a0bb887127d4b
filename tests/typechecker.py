"""beartype, with an int accepted where a float is declared, as every type checker has it (PEP 484)."""

from beartype import BeartypeConf, beartype

typechecked = beartype(conf=BeartypeConf(is_pep484_tower=True))
