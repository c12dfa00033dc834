// A batch in the making, which remembers what its conditions were for.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>

#include "dht/records.h"

namespace vortex::node {

class Plan {
 public:
  // Each returns the number by which a failed commit tells which condition it was.
  std::size_t require_version(dht::Key key, dht::Version version) {
    return require(std::move(key), dht::Must::have_version, version, ByteVector());
  }
  std::size_t require_absent(dht::Key key) { return require_version(std::move(key), 0); }
  std::size_t require_exists(dht::Key key) { return require(std::move(key), dht::Must::exist, 0, ByteVector()); }
  std::size_t require_empty(dht::Key from, ByteVector end) {
    return require(std::move(from), dht::Must::range_empty, 0, std::move(end));
  }
  // The last word on a key counts. Returns the number of the write, for Commit::versions.
  std::size_t write(dht::Key key, ByteVector value) { return put(std::move(key), std::move(value)); }
  void erase(dht::Key key) { put(std::move(key), std::nullopt); }

  dht::Batch take() { return std::move(batch_); }

 private:
  std::size_t require(dht::Key key, dht::Must must, dht::Version version, ByteVector end) {
    dht::Condition condition;
    condition.key = std::move(key);
    condition.must = must;
    condition.version = version;
    condition.end = std::move(end);
    batch_.conditions.push_back(std::move(condition));
    return batch_.conditions.size() - 1;
  }
  std::size_t put(dht::Key key, std::optional<ByteVector> value) {
    auto same = [&key](const dht::Write& write) { return write.key == key; };
    auto place = std::find_if(batch_.writes.begin(), batch_.writes.end(), same);
    if (place == batch_.writes.end()) {
      batch_.writes.emplace_back();
      place = batch_.writes.end() - 1;
      place->key = std::move(key);
    }
    place->value = std::move(value);
    return static_cast<std::size_t>(place - batch_.writes.begin());
  }

  dht::Batch batch_;
};

}  // namespace vortex::node
