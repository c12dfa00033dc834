// Writes a value store of random content with the real disk and prints what the library reads back, a line for each
// value, for a reader in another language to agree with: `value_store_sample DIR SEED`. With `value_store_sample DIR`
// it only prints what inspect says of the store.
#include <cstdio>
#include <cstdlib>
#include <map>

#include "base/hash.h"
#include "base/real/runner.h"
#include "wal/value_store/inspect.h"
#include "wal/value_store/store.h"

using namespace vortex;
using namespace vortex::wal::values;

namespace {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 2 + 1) {}
  std::uint64_t below(std::uint64_t bound) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return (state_ >> 33) % bound;
  }

 private:
  std::uint64_t state_;
};

Buffer bytes_of(std::uint64_t n) {
  Dice dice(n);
  Buffer bytes = Buffer::allocate(static_cast<std::size_t>(n % 10 == 0 ? dice.below(200'000) : dice.below(3000)));
  for (std::uint8_t& byte : bytes.writable()) byte = static_cast<std::uint8_t>(dice.below(256));
  return bytes;
}

void print(const Id& id, CopyNumber number, std::uint16_t form, ByteView bytes) {
  std::printf("%s %llu.%llu %u %zu %s\n", id.hex().c_str(), static_cast<unsigned long long>(number.epoch),
              static_cast<unsigned long long>(number.sequence), form, bytes.size(), sha256(bytes).hex().c_str());
}

Task<Status> write_some(ValueStore& store, Dice& dice) {
  for (int step = 0; step < 400; ++step) {
    const std::uint64_t n = dice.below(150);
    std::string name = "sample " + std::to_string(n);
    const Id id = sha256(as_bytes(name));
    const std::uint64_t what = dice.below(100);
    if (what < 60) {
      CO_RETURN_IF_ERROR(co_await store.put(id, bytes_of(n), static_cast<std::uint16_t>(n)));
    } else if (what < 90) {
      CopyNumber all(store.epoch(), CopyNumber::kSequenceMax);
      CO_RETURN_IF_ERROR(co_await store.erase(id, all));
    } else if (what < 93) {
      store.seal_segments();
      CO_RETURN_IF_ERROR(co_await store.reclaim());
    } else if (what < 96) {
      CO_RETURN_IF_ERROR(co_await store.checkpoint());
    } else {
      CO_RETURN_IF_ERROR(co_await store.sync());
    }
  }
  co_return Status();
}

Task<Status> print_all(ValueStore& store) {
  std::optional<Id> after;
  for (const Id& id : store.list(after, 1'000'000)) {
    CO_ASSIGN_OR_RETURN(Value value, co_await store.get(id));
    print(id, value.number, value.form, value.bytes);
  }
  co_return Status();
}

Task<Status> write_store(Env& env, std::string directory, std::uint64_t seed) {
  Dice dice(seed);
  ValueStoreOptions options;
  options.segment_bytes = 128 * kKiB;
  options.reclaim_bytes_per_second = 0;
  options.reclaim_dead_share = 0.2;
  options.background = false;
  for (int start = 0; start < 3; ++start) {
    CO_ASSIGN_OR_RETURN(auto store, co_await ValueStore::open(env, directory, options));
    Status status = co_await write_some(*store, dice);
    if (status.ok() && start == 2) status = co_await print_all(*store);
    std::printf("%s", start == 2 ? ("epoch " + std::to_string(store->epoch()) + "\n").c_str() : "");
    Status stopped = co_await store->stop();
    CO_RETURN_IF_ERROR(status);
    CO_RETURN_IF_ERROR(stopped);
  }
  co_return Status();
}

Task<Status> inspect_store(Env& env, std::string directory) {
  CO_ASSIGN_OR_RETURN(StoreInspection found, co_await inspect(env, directory));
  for (const ValueInspection& value : found.values) {
    const CopyNumber number = CopyNumber::unpack(value.number);
    std::printf("%s %llu.%llu %u %u\n", value.id.hex().c_str(), static_cast<unsigned long long>(number.epoch),
                static_cast<unsigned long long>(number.sequence), value.form, value.length);
  }
  std::printf("findings %zu\n", found.findings.size());
  co_return Status();
}

Task<int> run(Env& env, int count, char** arguments) {
  Status status;
  if (count > 2) {
    std::uint64_t seed = std::strtoull(arguments[2], nullptr, 10);
    status = co_await write_store(env, arguments[1], seed);
  } else {
    status = co_await inspect_store(env, arguments[1]);
  }
  if (status.ok()) co_return 0;
  std::fprintf(stdout, "failed: %s\n", status.error().to_string().c_str());
  co_return 1;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return 2;
  RealOptions options;
  options.log_level = LogLevel::error;
  Runner runner(options);
  return runner.run(run(runner.env(), count, arguments));
}
