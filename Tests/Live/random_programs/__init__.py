"""Random programs that a real server and Roost are sent at once; every answer is compared.

    __main__.py          the command line: which programs, for how long, and what is printed
    programs.py          what both protocols share: one program on both servers, the shortest that still differs, ranks
    zookeeper.py         programs for ZooKeeper, and what of two servers' answers must be the same
    consul.py            what of two servers' answers must be the same for Consul
    consul_requests.py   programs for Consul
"""
