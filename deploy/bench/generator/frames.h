// What a client makes of a frame from the server, in both dialects.
#ifndef FRAMES_H
#define FRAMES_H
#include <stdbool.h>
#include <stddef.h>

#include "clients.h"

// Whether the frame is a message of this run, which `tag` then identifies. Others (an acknowledgement, a receipt …) are
// passed over; errors are counted.
//
// In the full dialect the message is acknowledged with the next `frames_settle`.
bool frame_take(const struct connection *c, const char *json, size_t length, struct tag *tag);

// To be the loop's `settle` in the full dialect: one `ack` for each conversation in which messages came.
void frames_settle(struct websocket_loop *loop);

void frames_use(bool full);

// How many messages the server answered with an error. They may have been stored all the same.
unsigned long frames_refused(void);

#endif
