"""Real processes under faults: clusters of Roost in network namespaces of their own.

    __main__.py      one run: the command line, its course, its verdict
    plan.py          the faults that a seed chooses
    injury.py        what each fault does to nodes, network and disks, and how it is undone
    network.py       namespaces, and the switch between them (wire.c)
    nodes.py         the processes, their small disks, and their syncs (syncfault.c)
    history.py       what every client asked, when, and what it was told
    clients/         the clients: keys, znodes, locks, ephemerals, watches, appends, probes
    linear.py        the search for a linearization
    models.py        what a key, a znode, a lock promises
    checks.py        all other promises
    wrong.py         clusters made wrong on purpose: the checks must find them
"""
