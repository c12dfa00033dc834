// What managers ask of each other, and what people ask of them.
#include <algorithm>

#include "net/typed_handlers.h"
#include "node/ask_members.h"
#include "node/managers.h"
#include "node/views/views.h"

namespace vortex::node {

namespace {

constexpr std::size_t kEventsAnswered = 1000;

net::WorkReport report_of(const RepairWork& work, bool paused) {
  net::WorkReport report;
  report.active = work.active;
  report.paused = paused;
  report.done = work.done;
  report.left = work.left;
  report.bytes_done = work.bytes_done;
  report.bytes_left = work.bytes_left;
  report.rate_bytes = static_cast<std::uint64_t>(work.rate);
  return report;
}

}  // namespace

std::string Managers::hindrance(const std::string& waits, bool busy) const {
  if (busy && !waits.empty()) return waits;
  std::string full;
  for (const NodeId& node : places_.all_full()) full += (full.empty() ? "" : ", ") + node.short_hex();
  if (!full.empty()) return "no space left on " + full + ": others get what should be there";
  if (!disk_warning_.empty()) return disk_warning_;
  return busy ? copier_.slowed() : std::string();
}

net::UpkeepReport Managers::report() const {
  net::UpkeepReport report;
  report.node = membership_.id();
  Upkeep::Progress seen = upkeep_.progress();
  report.partitions_led = static_cast<std::uint32_t>(seen.led);
  report.partitions_seen = static_cast<std::uint32_t>(seen.current);
  bool complete = false;
  ChunkCensus census = upkeep_.census(complete);
  report.counts.chunks = census.chunks;
  report.counts.condemned = census.condemned;
  report.counts.lost = census.lost;
  report.counts.endangered = census.endangered;
  report.counts.under = census.under;
  report.counts.misplaced = census.misplaced;
  report.counts.bytes = census.bytes;
  report.under_peak = std::max(under_peak_, census.under);
  const RepairOrders& orders = repair_.orders();
  report.repair = report_of(repair_.repair(), orders.repair_paused);
  report.repair.waits = hindrance(repair_.waits(), report.repair.left > 0);
  std::string behind = repair_.waits();
  if (behind.empty() && orders.rebalance_paused) behind = "paused";
  if (behind.empty() && report.repair.left > 0) behind = "what is missing comes first";
  report.rebalance = report_of(repair_.rebalance(), orders.rebalance_paused);
  report.rebalance.waits = hindrance(behind, report.rebalance.left > 0);
  const ScrubState& scrubbed = scrub_.state();
  report.scrub.active = scrubbed.active;
  report.scrub.passes = scrubbed.passes;
  report.scrub.bytes = scrubbed.bytes;
  report.scrub.values = scrubbed.values;
  report.scrub.damaged = scrubbed.damaged;
  report.scrub.finished_ns = scrubbed.finished_ns;
  return report;
}

Task<Result<net::ReportUpkeepResponse>> Managers::reports(bool everywhere, Instant deadline) {
  net::ReportUpkeepResponse all;
  all.nodes.push_back(report());
  if (!everywhere) co_return all;
  net::ReportUpkeepRequest request;
  auto take = [&all](net::ReportUpkeepResponse response) {
    std::ranges::move(response.nodes, std::back_inserter(all.nodes));
  };
  co_await ask_members<net::ReportUpkeep>(env_, membership_, request, deadline, take);
  co_return all;
}

Task<Result<net::ListEventsResponse>> Managers::list_events(net::ListEventsRequest request, Instant deadline) {
  const std::size_t max = std::min<std::size_t>(request.max, kEventsAnswered);
  net::ListEventsResponse all;
  all.events = events_.latest(max);
  if (!request.everywhere) co_return all;
  net::ListEventsRequest each;
  each.max = request.max;
  auto take = [&all](net::ListEventsResponse response) {
    std::ranges::move(response.events, std::back_inserter(all.events));
  };
  co_await ask_members<net::ListEvents>(env_, membership_, each, deadline, take);
  std::ranges::stable_sort(all.events, {}, &net::EventReport::time_ns);
  if (all.events.size() > max)
    all.events.erase(all.events.begin(), all.events.end() - static_cast<std::ptrdiff_t>(max));
  co_return all;
}

Task<Result<net::SteerManagersResponse>> Managers::steer(net::SteerManagersRequest request, Instant deadline) {
  net::SteerManagersResponse response;
  response.nodes = 1;
  if (request.what == net::Steering::start_scrub) {
    scrub_.ask();
  } else if (request.what == net::Steering::reset_peaks) {
    under_peak_ = 0;
  } else {
    CO_RETURN_IF_ERROR(
        co_await change_orders(env_, metadata_.records(), request.what, request.rate_bytes, deadline - env_.now()));
    // The record tells all others.
    co_return response;
  }
  if (!request.everywhere) co_return response;
  net::SteerManagersRequest each;
  each.what = request.what;
  auto take = [&response](net::SteerManagersResponse) { ++response.nodes; };
  co_await ask_members<net::SteerManagers>(env_, membership_, each, deadline, take);
  co_return response;
}

void Managers::serve(net::Dispatcher& dispatcher) {
  copier_.serve(dispatcher);
  desk_.serve(dispatcher);
  dispatcher.on<net::ReportUpkeep>([this](net::Context context, net::ReportUpkeepRequest request) {
    return reports(request.everywhere, context.deadline);
  });
  dispatcher.on<net::ListEvents>(
      [this](net::Context context, net::ListEventsRequest request) { return list_events(request, context.deadline); });
  auto guarded = [](Managers* self, net::Context context,
                    net::SteerManagersRequest request) -> Task<Result<net::SteerManagersResponse>> {
    CO_RETURN_IF_ERROR(may_administer(context));
    co_return co_await self->steer(request, context.deadline);
  };
  dispatcher.on<net::SteerManagers>([this, guarded](net::Context context, net::SteerManagersRequest request) {
    return guarded(this, std::move(context), request);
  });
}

}  // namespace vortex::node
