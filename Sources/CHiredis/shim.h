// Debian installs the headers below <hiredis/>; a hand-made prefix given with -I may hold them bare. The bare name comes
// first: otherwise a newer release in a prefix would be compiled against the system's headers.
#if __has_include(<hiredis.h>)
#include <hiredis.h>
#else
#include <hiredis/hiredis.h>
#endif
