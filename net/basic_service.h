// The messages that every node answers.
#pragma once

#include "net/dispatcher.h"

namespace vortex::net {

// Echo, EchoBulk and Describe. The dispatcher outlives the handlers, which ask it what else is served.
void serve_basics(Dispatcher& dispatcher);

}  // namespace vortex::net
