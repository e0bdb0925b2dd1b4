/* SQLite for Swift. Functions with a variable number of arguments are not imported: those that are needed get
   one here that has not. */
#pragma once

#include <sqlite3.h>

/* Before the first connection; afterwards it does nothing. */
static inline int hub_sqlite_keep_no_memory_books(void) { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }
