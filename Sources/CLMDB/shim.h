#ifndef ROOST_CLMDB_SHIM_H
#define ROOST_CLMDB_SHIM_H
// Debian's liblmdb-dev; the only C library of the project.
#include <lmdb.h>
#endif
