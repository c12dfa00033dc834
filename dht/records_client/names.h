// Between what travels and what partitions use.
#pragma once

#include "dht/partition/command.h"
#include "net/messages/records.h"

namespace vortex::dht {

inline net::TransactionName to_name(const TransactionId& transaction) {
  net::TransactionName name;
  name.home = transaction.home;
  name.session = transaction.operation.session;
  name.sequence = transaction.operation.sequence;
  return name;
}

inline TransactionId from_name(const net::TransactionName& name) {
  TransactionId transaction;
  transaction.home = name.home;
  transaction.operation.session = name.session;
  transaction.operation.sequence = name.sequence;
  return transaction;
}

}  // namespace vortex::dht
