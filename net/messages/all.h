// Every message of the table, for code that goes over all of them.
#pragma once

#include "net/messages/basic.h"
#include "net/messages/chunk.h"
#include "net/messages/files.h"
#include "net/messages/kademlia.h"
#include "net/messages/members.h"
#include "net/messages/raft.h"
