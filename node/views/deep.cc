// Records as they are, for administrators who check them: see node/namespace/audit.h.
#include "net/messages/deep.h"
#include "net/typed_handlers.h"
#include "node/access/book.h"
#include "node/upkeep/led_records.h"
#include "node/views/views.h"

namespace vortex::node {

namespace {

constexpr std::size_t kBytesAtOnce = 512 * kKiB;
constexpr std::size_t kRecordsAtOnce = 4096;

// What is not in memory is asked for behind the walk.
struct Gathered {
  net::ReadRecordsResponse response;
  std::vector<std::size_t> elsewhere;  // in the response
  std::size_t bytes = 0;
};

bool gather(Gathered& into, const dht::PackedRecord& record) {
  dht::Key key = record.key().copy();
  net::ReadRecordsResponse& response = into.response;
  if (into.bytes >= kBytesAtOnce || response.records.size() == kRecordsAtOnce) {
    response.more = true;
    response.next_place = key.place;
    response.next_name = std::move(key.name);
    return false;
  }
  if (AccessBook::keeps(key.place)) return true;
  into.bytes += record.size() + key.name.size() + sizeof(Id);
  net::ReadRecord& read = response.records.emplace_back();
  read.place = key.place;
  read.name = std::move(key.name);
  if (record.elsewhere()) {
    into.elsewhere.push_back(response.records.size() - 1);
  } else {
    read.value = to_vector(record.value());
  }
  return true;
}

}  // namespace

Task<Result<net::ReadRecordsResponse>> Views::read_records(net::ReadRecordsRequest request, Duration timeout) {
  Instant deadline = env_.now() + timeout;
  HostRecords led(metadata_.host());
  Gathered gathered;
  dht::Key from;
  from.place = request.place;
  from.name = std::move(request.name);
  auto visit = [&gathered](const dht::PackedRecord& record) { return gather(gathered, record); };
  CO_RETURN_IF_ERROR(co_await walk_records(env_, led, request.partition, std::move(from), visit));
  for (std::size_t index : gathered.elsewhere) {
    net::ReadRecord& read = gathered.response.records[index];
    dht::Key key;
    key.place = read.place;
    key.name = read.name;
    CO_ASSIGN_OR_RETURN(std::optional<dht::Record> record,
                        co_await metadata_.records().get(std::move(key), deadline - env_.now()));
    // It went meanwhile: nobody is told of it.
    if (record) read.value = std::move(record->value);
  }
  auto gone = [](const net::ReadRecord& read) { return read.value.empty(); };
  std::erase_if(gathered.response.records, gone);
  co_return std::move(gathered.response);
}

void Views::serve_deep(net::Dispatcher& dispatcher) {
  auto read = [](Views* self, net::Context context,
                 net::ReadRecordsRequest request) -> Task<Result<net::ReadRecordsResponse>> {
    CO_RETURN_IF_ERROR(may_administer(context));
    Duration left = context.deadline - self->env_.now();
    co_return co_await self->read_records(std::move(request), left);
  };
  dispatcher.on<net::ReadRecords>([this, read](net::Context context, net::ReadRecordsRequest request) {
    return read(this, std::move(context), std::move(request));
  });
}

}  // namespace vortex::node
