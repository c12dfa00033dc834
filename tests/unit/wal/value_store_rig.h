// A simulated machine with value stores on it, for tests that look at one behaviour.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/drive.h"
#include "tests/sim/process.h"
#include "tests/sim/world.h"
#include "tests/unit/test.h"
#include "wal/value_store/reclaimer.h"
#include "wal/value_store/recovery.h"
#include "wal/value_store/store.h"

namespace vortex::wal::values {

struct StoreRig {
  explicit StoreRig(std::uint64_t seed = 1) : world(seed, quiet()), machine(world.add_machine()) {
    options.background = false;
    options.segment_bytes = 64 * kKiB;
    options.reserve_bytes = 256 * kKiB;
    options.on_damage = [this](const Damage& damage) { damages.push_back(damage); };
  }
  ~StoreRig() { machine.kill(); }

  Status open() {
    opened_.reset();
    machine.spawn(keep(machine.env(), *this));
    CHECK(world.run_until([this] { return opened_.has_value(); }));
    return *opened_;
  }
  Status close() {
    closed_.reset();
    closing_->wake();
    machine.process()->touch();
    CHECK(world.run_until([this] { return closed_.has_value(); }));
    return *closed_;
  }
  Status reopen() {
    RETURN_IF_ERROR(close());
    return open();
  }

  template <class Make>
  auto run(Make make) {
    return world.run(machine, make);
  }
  Result<PutResult> put(const Id& id, ByteView bytes, std::uint16_t form = 0) {
    return run([&](Env&) { return store->put(id, Buffer::copy_of(bytes), form); });
  }
  Result<Value> get(const Id& id, std::uint64_t offset = 0, std::uint64_t length = kValueBytesMax) {
    return run([&](Env&) { return store->get(id, offset, length); });
  }
  Result<Erased> erase(const Id& id, CopyNumber up_to) {
    return run([&](Env&) { return store->erase(id, up_to); });
  }
  Status sync() {
    return run([&](Env&) { return store->sync(); });
  }
  Status checkpoint() {
    return run([&](Env&) { return store->checkpoint(); });
  }
  Result<ReclaimReport> reclaim() {
    store->seal_segments();
    return run([&](Env&) { return store->reclaim(); });
  }
  // Files of the store whose names begin so.
  std::vector<std::string> files(const std::string& prefix) {
    std::vector<std::string> names;
    auto list = machine.drive().files().list("values");
    for (auto& entry : *list)
      if (entry.name.starts_with(prefix)) names.push_back("values/" + entry.name);
    return names;
  }

  sim::World world;
  sim::Machine& machine;
  ValueStoreOptions options;
  std::vector<Damage> damages;
  ValueStore* store = nullptr;  // while it is open

 private:
  // The store lives in a task of the process, so that it dies with it as it would in a node.
  static Task<void> keep(Env& env, StoreRig& rig) {
    auto opening = co_await ValueStore::open(env, "values", rig.options);
    if (!opening.ok()) {
      rig.opened_ = Status(std::move(opening).error());
      co_return;
    }
    auto mine = std::move(opening).value();
    Parking closing(env.loop());
    rig.store = mine.get();
    rig.closing_ = &closing;
    rig.opened_ = Status();
    bool woken = co_await closing.park();
    static_cast<void>(woken);
    rig.closing_ = nullptr;
    rig.store = nullptr;
    rig.closed_ = co_await mine->stop();
  }
  static sim::WorldOptions quiet() {
    sim::WorldOptions options;
    options.log_level = LogLevel::error;
    return options;
  }
  Parking* closing_ = nullptr;
  std::optional<Status> opened_, closed_;
};

}  // namespace vortex::wal::values
