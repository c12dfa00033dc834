#include "dht/heartbeat/ledger.h"

#include <algorithm>

namespace vortex::dht {

const Ledger::Entry& Ledger::entry(const NodeId& node) const {
  static const Entry kUnknown;
  auto found = entries_.find(node);
  return found == entries_.end() ? kUnknown : found->second;
}

Instant Ledger::heard(const NodeId& node) const { return entry(node).heard; }
std::uint64_t Ledger::boot_epoch(const NodeId& node) const { return entry(node).boot_epoch; }
Instant Ledger::acknowledged(const NodeId& node) const { return entry(node).acknowledged; }
Instant Ledger::promised_until(const NodeId& node) const { return entry(node).promised_until; }

bool Ledger::hear(const NodeId& node, std::uint64_t boot_epoch, Instant now) {
  Entry& entry = entries_[node];
  if (boot_epoch < entry.boot_epoch) return false;
  if (boot_epoch > entry.boot_epoch) {
    entry.boot_epoch = boot_epoch;
    entry.acknowledged = Instant();
  }
  entry.heard = std::max(entry.heard, now);
  return true;
}

void Ledger::acknowledge(const NodeId& node, std::uint64_t boot_epoch, Instant sent) {
  Entry& entry = entries_[node];
  if (boot_epoch != entry.boot_epoch) return;
  entry.acknowledged = std::max(entry.acknowledged, sent);
}

void Ledger::promise(const NodeId& node, Instant until) {
  Entry& entry = entries_[node];
  entry.promised_until = std::max(entry.promised_until, until);
}

void Ledger::forget_silent(Instant before, Instant now) {
  auto silent = [&](const auto& item) { return item.second.heard < before && item.second.promised_until <= now; };
  std::erase_if(entries_, silent);
}

}  // namespace vortex::dht
