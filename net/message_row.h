// How a row of the message table reads. Rows stand in net/messages/, below the messages that they name; together they
// are the table, net/message_table.h.
//
//   X(number, name, request, response, body limit, payload limit of the request and of the response,
//     payload sum, idempotent, open to, priority)
//
// Rows stand in the order of their numbers. A number belongs to its message for ever: a row that goes leaves its number
// in VORTEX_RETIRED_MESSAGES.
#pragma once

#include "base/limits.h"
#include "net/method.h"

// The tag of a message, for call<Echo>(…) and on<Echo>(…).
#define VORTEX_MESSAGE_TAG(num, Name, RequestType, ResponseType, body, in, out, sum, again, who, prio)                 \
  struct Name {                                                                                                        \
    using Request = RequestType;                                                                                       \
    using Response = ResponseType;                                                                                     \
    static constexpr MethodInfo kInfo{num, #Name, body, in, out, PayloadSum::sum, again, Caller::who, Priority::prio}; \
  };
