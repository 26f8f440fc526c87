// The loads. Each prints one line of JSON, and returns whether nothing was lost, doubled or out of order.
#ifndef LOADS_H
#define LOADS_H
#include <stdbool.h>

#include "options.h"

bool load_roundtrip(struct options *o);
bool load_rate(struct options *o);
bool load_fanout(struct options *o);
bool load_idle(struct options *o);
bool load_connect(struct options *o);
bool load_greet(struct options *o);
bool load_http(struct options *o);

#endif
