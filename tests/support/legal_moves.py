"""Who may move an order from where to where, written by hand from the resolutions."""

__all__ = ["LEGAL"]

# Rows as resolutions *States* writes them: the worker is the line, and builder, council and ops
# are the roles of system tokens (the actors of §6.2). §8.2 gives operators the updates of state
# that agents make. An admin may do all of it. Whether the evidence is there is another question.
_LINE, _ADMIN = "worker admin", "admin"
_STAFF = "worker admin operator"
LEGAL = {
    ("nuevo", "planificacion"): _LINE,
    ("nuevo", "fallido"): _LINE,
    ("nuevo", "cancelado"): _ADMIN,
    ("planificacion", "planificacion"): _LINE,
    ("planificacion", "construccion"): _LINE,
    ("planificacion", "fallido"): _LINE,
    ("planificacion", "cancelado"): _ADMIN,
    ("construccion", "qa"): f"{_STAFF} builder",
    ("construccion", "fallido"): _LINE,
    ("construccion", "cancelado"): _ADMIN,
    ("qa", "listo"): f"{_STAFF} council",
    ("qa", "construccion"): f"{_STAFF} council",
    ("qa", "fallido"): _LINE,
    ("qa", "cancelado"): _ADMIN,
    ("listo", "entregado"): f"{_STAFF} ops",
    ("listo", "fallido"): _LINE,
    ("listo", "cancelado"): _ADMIN,
    ("fallido", "nuevo"): _ADMIN,
    ("fallido", "planificacion"): _ADMIN,
    ("fallido", "construccion"): _ADMIN,
    ("fallido", "qa"): _ADMIN,
    ("fallido", "listo"): _ADMIN,
    ("fallido", "cancelado"): _ADMIN,
}
"""(from, to) to the kinds of actor, separated by spaces."""
