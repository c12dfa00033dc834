// Listing directories in the order of names, also those in many parts.
#include <algorithm>

#include "base/finish.h"
#include "base/nearest.h"
#include "node/namespace/tree.h"

namespace vortex::node {

namespace {

constexpr std::size_t kListMax = 10'000;
constexpr std::uint32_t kPartPageMin = 16;
constexpr std::uint32_t kListBytes = 1 * kMiB;

// What one part gave: all its entries from the cursor up to `covered_to`; empty means to the end.
struct PartPage {
  PartState state;
  std::vector<Listed> entries;
  ByteVector covered_to;
  Status status;
};

ByteVector behind(const std::string& after) {
  ByteVector from = begin_of(RecordKind::entry);
  from.insert(from.end(), after.begin(), after.end());
  // The least name that is greater; no name has a NUL.
  if (!after.empty()) from.push_back(0);
  return from;
}

Status take_entries(std::vector<dht::Record> records, std::vector<Listed>& out) {
  for (dht::Record& record : records) {
    auto name = name_in(record.key, RecordKind::entry);
    if (!name) continue;
    Listed listed;
    listed.name = std::string(as_text(*name));
    ASSIGN_OR_RETURN(listed.entry, decode_entry(record.value));
    out.push_back(std::move(listed));
  }
  return Status();
}

Task<Status> read_part(dht::Records& records, PartPage& page, std::string after, dht::ScanLimits limits,
                       Duration timeout) {
  ByteVector from = behind(after);
  // The beginning comes with the part's markers, as of the same moment.
  if (after.empty()) from = begin_of(RecordKind::part);
  CO_ASSIGN_OR_RETURN(dht::Page scanned,
                      co_await records.scan(page.state.place, from, end_of(RecordKind::entry), limits, timeout));
  bool moving = page.state.moving;
  page.state.header = page.state.fork = 0;
  if (after.empty()) {
    CO_RETURN_IF_ERROR(DirectoryParts::read_markers(scanned.records, page.state));
  } else {
    // After the entries: what was a leaf then and is one now has been one all the time, or was empty.
    CO_ASSIGN_OR_RETURN(dht::Page markers,
                        co_await records.scan(page.state.place, begin_of(RecordKind::part), end_of(RecordKind::pulse),
                                              dht::ScanLimits(), timeout));
    CO_RETURN_IF_ERROR(DirectoryParts::read_markers(markers.records, page.state));
  }
  bool as_remembered = page.state.header != 0;
  if (moving) as_remembered = page.state.fork != 0;
  if (!as_remembered) co_return Code::stale;
  page.covered_to = std::move(scanned.next);
  co_return take_entries(std::move(scanned.records), page.entries);
}

Task<void> read_into(dht::Records& records, PartPage& page, std::string after, dht::ScanLimits limits,
                     Duration timeout) {
  page.status = co_await read_part(records, page, std::move(after), limits, timeout);
}

// In the order of names, up to where every part has said all it has.
Listing merge(std::vector<PartPage>& pages, std::size_t max) {
  Listing listing;
  ByteVector covered_to;
  for (const PartPage& page : pages) {
    if (page.covered_to.empty()) continue;
    listing.more = true;
    if (covered_to.empty() || page.covered_to < covered_to) covered_to = page.covered_to;
  }
  for (PartPage& page : pages) std::move(page.entries.begin(), page.entries.end(), std::back_inserter(listing.entries));
  auto by_name = [](const Listed& a, const Listed& b) { return a.name < b.name; };
  // An entry that was moved meanwhile is seen in both places.
  auto same = [](const Listed& a, const Listed& b) { return a.name == b.name; };
  std::stable_sort(listing.entries.begin(), listing.entries.end(), by_name);
  listing.entries.erase(std::unique(listing.entries.begin(), listing.entries.end(), same), listing.entries.end());
  if (!covered_to.empty()) {
    auto beyond = [&covered_to](const Listed& listed) { return behind(listed.name) > covered_to; };
    std::erase_if(listing.entries, beyond);
  }
  if (listing.entries.size() > max) {
    listing.entries.resize(max);
    listing.more = true;
  }
  return listing;
}

}  // namespace

Task<Result<Listing>> Tree::list_page(Id directory, std::string after, std::size_t max, Effort& effort) {
  std::vector<PartPage> pages;
  for (PartState& state : parts_.remembered(directory)) {
    PartPage page;
    page.state = state;
    pages.push_back(std::move(page));
  }
  dht::ScanLimits limits;
  std::size_t share = max + 4;
  if (pages.size() > 1) share = std::max<std::size_t>(kPartPageMin, max * 5 / 4 / pages.size());
  limits.records = static_cast<std::uint32_t>(share);
  limits.bytes = kListBytes;
  // Parts whose entries are moving come before those that they move to.
  for (PartPage& page : pages)
    if (page.state.moving) co_await read_into(records_, page, after, limits, left(effort));
  TaskGroup group(env_.loop());
  for (PartPage& page : pages)
    if (!page.state.moving) group.spawn(read_into(records_, page, after, limits, left(effort)));
  co_await finish(group);
  for (PartPage& page : pages) {
    if (page.status.ok()) continue;
    if (!page.status.is(Code::stale)) co_return page.status.error();
    CO_RETURN_IF_ERROR(co_await parts_.relocate(directory, page.state.part, left(effort)));
    co_return Code::stale;
  }
  co_return merge(pages, max);
}

Task<Result<Listing>> Tree::list(Id directory, std::string after, std::size_t max, Duration timeout) {
  Effort effort = begin(timeout);
  max = std::clamp<std::size_t>(max, 1, kListMax);
  while (true) {
    auto listing = co_await list_page(directory, after, max, effort);
    if (!listing.is(Code::stale)) {
      // A page may hold nothing but what lies beyond it in other parts.
      if (!listing.ok() || !listing->more || !listing->entries.empty()) co_return listing;
    }
    CO_RETURN_IF_ERROR(co_await again(effort));
  }
}

}  // namespace vortex::node
