#include "node/inventory/inventory_calls.h"

#include <algorithm>

#include "net/channel.h"
#include "net/typed_handlers.h"

namespace vortex::node {

namespace {

constexpr Duration kRecordPatience = seconds(20);
constexpr Duration kComparePatience = seconds(30);
constexpr Duration kTellPatience = seconds(60);
constexpr std::size_t kTellMax = 4096;

net::CopyName copy_name(const HeldCopy& copy) {
  net::CopyName name;
  name.chunk = copy.chunk;
  name.epoch = copy.copy.epoch;
  name.sequence = copy.copy.sequence;
  return name;
}

Result<HeldCopy> held_copy(const net::CopyName& name) {
  if (name.epoch > CopyNumber::kEpochMax || name.sequence > CopyNumber::kSequenceMax)
    return Error(Code::invalid_argument, "there is no such copy number");
  HeldCopy copy;
  copy.chunk = name.chunk;
  copy.copy = CopyNumber(name.epoch, name.sequence);
  return copy;
}

}  // namespace

Task<Result<InventoryDifference>> InventoryCalls::compare(NodeId leader, InventoryPiece piece) {
  net::TellInventoryRequest request;
  request.partitions = std::move(piece.partitions);
  request.from = piece.from;
  request.to = piece.to;
  request.held = std::move(piece.held);
  net::TellInventoryResponse response;
  if (leader == self_) {
    CO_ASSIGN_OR_RETURN(response, co_await own_.compare(self_, std::move(request)));
  } else {
    CO_ASSIGN_OR_RETURN(auto reply, co_await peers_.call<net::TellInventory>(view_.target(leader), std::move(request),
                                                                             net::CallOptions(kComparePatience)));
    response = std::move(reply.response);
  }
  InventoryDifference difference;
  difference.compared = std::move(response.compared);
  difference.unexpected = std::move(response.unexpected);
  for (const net::CopyName& name : response.missing) {
    CO_ASSIGN_OR_RETURN(HeldCopy copy, held_copy(name));
    difference.missing.push_back(copy);
  }
  co_return difference;
}

Task<Status> InventoryCalls::tell(NodeId leader, std::vector<HeldCopy> gone, std::vector<HeldCopy> strays) {
  for (std::size_t at = 0; at < std::max(gone.size(), strays.size()); at += kTellMax) {
    net::TellCopiesRequest request;
    for (std::size_t i = at; i < std::min(gone.size(), at + kTellMax); ++i) request.gone.push_back(copy_name(gone[i]));
    for (std::size_t i = at; i < std::min(strays.size(), at + kTellMax); ++i)
      request.strays.push_back(copy_name(strays[i]));
    if (leader == self_) {
      auto settled = co_await own_.settle(self_, std::move(request));
      if (!settled.ok()) co_return settled.error();
      continue;
    }
    auto told = co_await peers_.call<net::TellCopies>(view_.target(leader), std::move(request),
                                                      net::CallOptions(kTellPatience));
    if (!told.ok()) co_return told.error();
  }
  co_return Status();
}

InventoryDesk::InventoryDesk(Env& env, const LedRecords& led, ChunkRecords& chunks, Places& places, RepairPort& port,
                             PartitionLeaders& leaders)
    : env_(env), led_(led), chunks_(chunks), places_(places), port_(port), leaders_(leaders) {}

Task<Result<net::TellInventoryResponse>> InventoryDesk::compare(NodeId holder, net::TellInventoryRequest request) {
  InventoryPiece piece;
  piece.partitions = std::move(request.partitions);
  piece.from = request.from;
  piece.to = request.to;
  piece.held = std::move(request.held);
  const std::uint32_t partitions = leaders_.partitions();
  CO_ASSIGN_OR_RETURN(InventoryDifference difference,
                      co_await compare_inventory(env_, led_, partitions, holder, std::move(piece)));
  net::TellInventoryResponse response;
  response.compared = std::move(difference.compared);
  for (const HeldCopy& copy : difference.missing) response.missing.push_back(copy_name(copy));
  response.unexpected = std::move(difference.unexpected);
  co_return response;
}

Task<Status> InventoryDesk::settle_stray(NodeId holder, HeldCopy copy) {
  CO_ASSIGN_OR_RETURN(ChunkRecords::Known known, co_await chunks_.look(copy.chunk, kRecordPatience));
  if (known.record && known.record->condemned == 0) {
    ChunkNeed need = judge(copy.chunk, *known.record, places_);
    if (need.good.empty()) {
      // It is the only one within reach: taken in, whoever has it.
      CO_ASSIGN_OR_RETURN(RepairPort::Made made,
                          co_await port_.copy(holder, copy.chunk, known.record->stored_size, std::vector<NodeId>()));
      co_return co_await chunks_.add_copy(std::move(made.receipt), kRecordPatience);
    }
    // While copies are missing nothing goes; and an owner's is taken in by the repair.
    bool wanted = std::ranges::find(need.add, holder) != need.add.end();
    if (wanted || need.under()) co_return Status();
    // It may be the last sound one whatever the record says.
    std::size_t proven = 0;
    for (const Holder& other : known.record->holders) {
      if (std::ranges::find(need.good, other.node) == need.good.end()) continue;
      CO_ASSIGN_OR_RETURN(bool sound, co_await port_.prove(other.node, copy.chunk, other.copy));
      if (sound) ++proven;
    }
    if (proven < need.wanted) co_return Status();
  }
  co_return co_await chunks_.drop_stray(copy.chunk, std::move(known), holder, copy.copy, kRecordPatience);
}

Task<Result<net::TellCopiesResponse>> InventoryDesk::settle(NodeId holder, net::TellCopiesRequest request) {
  net::TellCopiesResponse response;
  for (const net::CopyName& name : request.gone) {
    CO_ASSIGN_OR_RETURN(HeldCopy copy, held_copy(name));
    CO_RETURN_IF_ERROR(co_await chunks_.remove_copy(copy.chunk, holder, copy.copy, kRecordPatience));
    if (on_gone) on_gone(holder, copy.chunk);
    ++response.settled;
  }
  for (const net::CopyName& name : request.strays) {
    CO_ASSIGN_OR_RETURN(HeldCopy copy, held_copy(name));
    CO_RETURN_IF_ERROR(co_await settle_stray(holder, copy));
    ++response.settled;
  }
  co_return response;
}

void InventoryDesk::serve(net::Dispatcher& dispatcher) {
  dispatcher.on<net::TellInventory>([this](net::Context context, net::TellInventoryRequest request) {
    return compare(context.peer->id, std::move(request));
  });
  dispatcher.on<net::TellCopies>([this](net::Context context, net::TellCopiesRequest request) {
    return settle(context.peer->id, std::move(request));
  });
}

}  // namespace vortex::node
