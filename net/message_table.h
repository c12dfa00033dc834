// The one table of messages. A new message is a struct with VORTEX_FIELDS and a row in a file of net/messages/, and its
// bytes in tests/unit/net/golden_messages.h (the test that misses them prints them). Only who needs all of them
// includes this; everybody else includes the file of the messages that they use.
#pragma once

#include "net/messages/basic.h"
#include "net/messages/chunk.h"
#include "net/messages/deep.h"
#include "net/messages/files.h"
#include "net/messages/kademlia.h"
#include "net/messages/members.h"
#include "net/messages/raft.h"
#include "net/messages/records.h"
#include "net/messages/repair.h"
#include "net/messages/views.h"

// In the order of their numbers.
#define VORTEX_MESSAGES(X)    \
  VORTEX_BASIC_MESSAGES(X)    \
  VORTEX_CHUNK_MESSAGES(X)    \
  VORTEX_MEMBERS_MESSAGES(X)  \
  VORTEX_KADEMLIA_MESSAGES(X) \
  VORTEX_RAFT_MESSAGES(X)     \
  VORTEX_RECORDS_MESSAGES(X)  \
  VORTEX_FILES_MESSAGES(X)    \
  VORTEX_VIEWS_MESSAGES(X)    \
  VORTEX_DEEP_MESSAGES(X)     \
  VORTEX_REPAIR_MESSAGES(X)

#define VORTEX_RETIRED_MESSAGES(X) X(69)
