"""Who may move an order from where to where, written by hand from the resolutions."""

__all__ = ["LEGAL"]

# Rows as resolutions *States* writes them: the worker is the line, "agents" hold system tokens,
# and §8.2 gives operators the updates of state that agents make. An admin may do all of it.
_LINE, _AGENTS, _ADMIN = "worker admin", "worker admin operator system", "admin"
LEGAL = {
    ("nuevo", "planificacion"): _LINE,
    ("nuevo", "fallido"): _LINE,
    ("nuevo", "cancelado"): _ADMIN,
    ("planificacion", "planificacion"): _LINE,
    ("planificacion", "construccion"): _LINE,
    ("planificacion", "fallido"): _LINE,
    ("planificacion", "cancelado"): _ADMIN,
    ("construccion", "qa"): _AGENTS,
    ("construccion", "fallido"): _LINE,
    ("construccion", "cancelado"): _ADMIN,
    ("qa", "listo"): _AGENTS,
    ("qa", "construccion"): _AGENTS,
    ("qa", "fallido"): _LINE,
    ("qa", "cancelado"): _ADMIN,
    ("listo", "entregado"): _AGENTS,
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
