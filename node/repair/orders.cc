#include "node/repair/orders.h"

#include "base/hash.h"
#include "node/files/record.h"
#include "node/namespace/plan.h"

namespace vortex::node {

namespace {

constexpr unsigned kOrderTries = 20;
constexpr Duration kAnyway = std::chrono::hours(1);

dht::Key orders_key() {
  dht::Key key;
  key.place = sha256(as_bytes("vortex managers"));
  key.name = to_vector(as_bytes("orders"));
  return key;
}

struct Versioned {
  ManagerOrders orders;
  dht::Version version = 0;
};

Task<Result<Versioned>> look_up(dht::Records& records, Duration timeout) {
  Versioned known;
  CO_ASSIGN_OR_RETURN(std::optional<dht::Record> found, co_await records.get(orders_key(), timeout));
  if (found) {
    CO_ASSIGN_OR_RETURN(known.orders, decode_record<ManagerOrders>(found->value));
    known.version = found->version;
  }
  co_return known;
}

void apply(ManagerOrders& orders, net::Steering what, std::uint64_t rate_bytes, FileTime now) {
  switch (what) {
    case net::Steering::pause_repair:
      orders.repair_paused = true;
      orders.anyway_until = 0;
      break;
    case net::Steering::resume_repair:
      orders.repair_paused = false;
      break;
    case net::Steering::resume_repair_anyway:
      orders.repair_paused = false;
      orders.anyway_until = now + FileTime(Duration(kAnyway).count());
      break;
    case net::Steering::pause_rebalance:
      orders.rebalance_paused = true;
      break;
    case net::Steering::resume_rebalance:
      orders.rebalance_paused = false;
      break;
    case net::Steering::set_rate:
      orders.rate_bytes = rate_bytes;
      break;
    case net::Steering::start_scrub:
    case net::Steering::reset_peaks:
      break;
  }
}

}  // namespace

Task<Result<ManagerOrders>> read_orders(dht::Records& records, Duration timeout) {
  CO_ASSIGN_OR_RETURN(Versioned known, co_await look_up(records, timeout));
  co_return known.orders;
}

Task<Status> change_orders(Env& env, dht::Records& records, net::Steering what, std::uint64_t rate_bytes,
                           Duration timeout) {
  for (unsigned tries = 0; tries < kOrderTries; ++tries) {
    CO_ASSIGN_OR_RETURN(Versioned known, co_await look_up(records, timeout));
    apply(known.orders, what, rate_bytes, env.clock().wall_now().time_since_epoch().count());
    Plan plan;
    plan.require_version(orders_key(), known.version);
    plan.write(orders_key(), encode_record(known.orders));
    CO_ASSIGN_OR_RETURN(dht::Commit done, co_await records.commit(plan.take(), timeout));
    if (done.done) co_return Status();
  }
  co_return Code::busy;
}

RepairOrders orders_at(const ManagerOrders& orders, FileTime now) {
  RepairOrders at;
  at.repair_paused = orders.repair_paused;
  at.rebalance_paused = orders.rebalance_paused;
  at.anyway = orders.anyway_until > now;
  return at;
}

}  // namespace vortex::node
