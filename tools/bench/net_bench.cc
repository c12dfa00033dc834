#include "tools/bench/net_bench.h"

#include <future>
#include <thread>

#include "base/real/runner.h"
#include "net/basic_service.h"
#include "net/memory_credentials.h"
#include "net/messages/basic.h"
#include "net/peers.h"
#include "net/secure_handshaker.h"
#include "net/server.h"
#include "tools/bench/net_raw.h"

namespace vortex::bench {

namespace {

using namespace vortex::net;

constexpr std::size_t kBlock = std::size_t(1) << 20;
constexpr std::size_t kBlocksInFlight = 8;
constexpr std::size_t kMessage = 64;
constexpr std::size_t kMessagesInFlight = 256;
constexpr double kMega = 1e6;

// One end: an Env of its own and all that a node's network needs.
class End {
 public:
  explicit End(Transport transport)
      : credentials_(cluster(), *Secret::from_bytes(ByteVector(Secret::kSize, 7))),
        handshaker_(runner_.env().random(), local(runner_.env(), transport), credentials_, Presented()),
        board_(runner_.env(), dispatcher_),
        ending_(runner_.env().loop()) {
    serve_basics(dispatcher_);
  }
  Env& env() { return runner_.env(); }
  Switchboard& board() { return board_; }
  Handshaker& handshaker() { return handshaker_; }
  int run(Task<int> task) { return runner_.run_without_signals(std::move(task)); }

  // Serves until end() is called, by any thread.
  Task<int> serve(std::promise<Result<Address>>& listening) {
    Server server(board_, handshaker_);
    Address address;
    address.host = "127.0.0.1";
    Status status = server.listen(address);
    if (!status.ok()) {
      listening.set_value(std::move(status).error());
      co_return 1;
    }
    listening.set_value(server.local());
    co_await ending_.park();
    co_await server.stop();
    co_return 0;
  }
  void end() {
    asio::post(env().loop().context(), [this] { ending_.wake(); });
  }

 private:
  static ClusterId cluster() {
    ClusterId id;
    id.bytes[0] = 1;
    return id;
  }
  static LocalEnd local(Env& env, Transport transport) {
    LocalEnd end;
    end.identity = Identity::generate(env.random());
    end.transport = transport;
    return end;
  }
  Runner runner_{quiet()};
  static RealOptions quiet() {
    RealOptions options;
    options.log_level = LogLevel::error;
    return options;
  }
  Dispatcher dispatcher_;
  MemoryCredentials credentials_;
  SecureHandshaker handshaker_;
  Switchboard board_;
  Parking ending_;
};

// A measurement runs on the client's loop with an open channel; the server has a thread of its own.
using Body = std::function<Task<Result<double>>(Env&, Channel&)>;

Task<int> connect_and_measure(End& client, Address address, Purpose purpose, const Body& body, Result<double>& result) {
  Peers peers(client.board(), client.handshaker());
  Instant deadline = client.env().now() + seconds(5);
  auto channel = co_await peers.channel(Target(address), purpose, deadline);
  if (channel.ok()) {
    result = co_await body(client.env(), **channel);
  } else {
    result = std::move(channel).error();
  }
  co_await peers.stop();
  co_return 0;
}

Result<double> measure_ours(Transport transport, Purpose purpose, const Body& body) {
  End server(transport), client(transport);
  std::promise<Result<Address>> listening;
  std::thread thread([&] { server.run(server.serve(listening)); });
  Result<Address> address = listening.get_future().get();
  Result<double> result = Code::failed;
  if (address.ok()) {
    client.run(connect_and_measure(client, *address, purpose, body, result));
    server.end();
  } else {
    result = std::move(address).error();
  }
  thread.join();
  return result;
}

// Calls started again as soon as they are answered, without a coroutine.
template <class Method>
class Pump final : public TypedCall<Method> {
 public:
  Pump(Channel& channel, typename Method::Request request, Buffer payload)
      : channel_(channel), request_(std::move(request)), payload_(std::move(payload)) {}
  void start() { failed_ = !channel_.start(*this, request_, seconds(60), payload_).ok(); }
  void finish() { finishing_ = true; }
  bool running() const { return this->attached(); }
  std::uint64_t answered_count() const { return count_; }
  bool failed() const { return failed_; }

  void done(Result<Reply<Method>> reply) override {
    failed_ = !reply.ok();
    if (failed_) return;
    ++count_;
    if (!finishing_) start();
  }

 private:
  Channel& channel_;
  typename Method::Request request_;
  Buffer payload_;
  std::uint64_t count_ = 0;
  bool finishing_ = false, failed_ = false;
};

// Answers a second with `in_flight` pumps.
template <class Method>
Task<Result<double>> pump(Env& env, Channel& channel, typename Method::Request request, Buffer payload,
                          std::size_t in_flight, double seconds_long) {
  std::vector<std::unique_ptr<Pump<Method>>> pumps;
  for (std::size_t i = 0; i < in_flight; ++i) {
    pumps.push_back(std::make_unique<Pump<Method>>(channel, request, payload));
    pumps.back()->start();
  }
  Stopwatch watch;
  Status slept =
      co_await sleep_for(env, std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds_long)));
  std::uint64_t count = 0;
  for (auto& one : pumps) {
    one->finish();
    count += one->answered_count();
    if (one->failed()) co_return Error(Code::failed, "a call failed");
  }
  double rate = static_cast<double>(count) / watch.seconds();
  while (channel.calls_in_flight() > 0 && slept.ok()) slept = co_await sleep_for(env, milliseconds(1));
  co_return rate;
}

EchoRequest message() {
  EchoRequest request;
  request.data.resize(kMessage - sizeof(std::uint32_t));  // the codec adds its length
  return request;
}

// One coroutine that calls again and again.
Task<void> caller(Channel& channel, const Stopwatch& watch, double until, std::vector<double>* microseconds,
                  std::uint64_t& count, bool& failed) {
  while (watch.seconds() < until && !failed) {
    Stopwatch one;
    auto reply = co_await channel.call<Echo>(message());
    if (!reply.ok()) failed = true;
    ++count;
    if (microseconds) microseconds->push_back(one.seconds() * 1e6);
  }
}

Task<Result<double>> callers(Env& env, Channel& channel, std::size_t in_flight, double seconds_long,
                             std::vector<double>* microseconds) {
  TaskGroup group(env.loop());
  Stopwatch watch;
  std::uint64_t count = 0;
  bool failed = false;
  for (std::size_t i = 0; i < in_flight; ++i)
    group.spawn(caller(channel, watch, seconds_long, microseconds, count, failed));
  co_await group.join();
  if (failed) co_return Error(Code::failed, "a call failed");
  co_return static_cast<double>(count) / watch.seconds();
}

Measurement stream_of(Transport transport, double seconds_long) {
  return [=]() -> Result<double> {
    Body body = [=](Env& env, Channel& channel) {
      return pump<EchoBulk>(env, channel, EchoBulkRequest(), Buffer::copy_of(ByteVector(kBlock, 'x')), kBlocksInFlight,
                            seconds_long);
    };
    ASSIGN_OR_RETURN(double rate, measure_ours(transport, Purpose::bulk, body));
    return rate * double(kBlock) / kMega;
  };
}

Measurement summed_stream(double seconds_long) {
  return [=]() -> Result<double> {
    Body body = [=](Env& env, Channel& channel) {
      return pump<Echo>(env, channel, message(), Buffer::copy_of(ByteVector(kBlock, 'x')), kBlocksInFlight,
                        seconds_long);
    };
    ASSIGN_OR_RETURN(double rate, measure_ours(Transport::plain, Purpose::bulk, body));
    return rate * double(kBlock) / kMega;
  };
}

Measurement calls(std::size_t in_flight, double seconds_long, std::vector<double>* microseconds) {
  return [=] {
    Body body = [=](Env& env, Channel& channel) {
      return callers(env, channel, in_flight, seconds_long, microseconds);
    };
    return measure_ours(Transport::plain, Purpose::control, body);
  };
}

Measurement pumped_calls(std::size_t in_flight, double seconds_long) {
  return [=] {
    Body body = [=](Env& env, Channel& channel) {
      return pump<Echo>(env, channel, message(), Buffer(), in_flight, seconds_long);
    };
    return measure_ours(Transport::plain, Purpose::control, body);
  };
}

Status add_streams(const Options& options, Report& report) {
  Measurement raw = [&options]() -> Result<double> {
    ASSIGN_OR_RETURN(double rate, raw_stream(options.seconds, kBlock));
    return rate / kMega;
  };
  auto add = [&](const char* name, const Measurement& ours, Goal goal) -> Status {
    if (!options.wanted(name)) return Status();
    ASSIGN_OR_RETURN(Row row, compare(options, name, "MB/s", ours, raw, goal));
    report.rows.push_back(std::move(row));
    return Status();
  };
  RETURN_IF_ERROR(add("stream-1MiB-plain", stream_of(Transport::plain, options.seconds), Goal::ratio_at_least(0.8)));
  RETURN_IF_ERROR(add("stream-1MiB-tls", stream_of(Transport::tls, options.seconds), Goal::ratio_at_least(0.4)));
  return add("echo-1MiB-summed", summed_stream(options.seconds), Goal());
}

Status add_calls(const Options& options, Report& report, const char* name, const Measurement& ours,
                 std::size_t in_flight, Goal goal) {
  if (!options.wanted(name)) return Status();
  Measurement raw = [&options, in_flight] { return raw_round_trips(options.seconds, kMessage, in_flight); };
  ASSIGN_OR_RETURN(Row row, compare(options, name, "calls/s", ours, raw, goal));
  std::vector<double> microseconds;
  RETURN_IF_ERROR(calls(in_flight, options.seconds / 2, &microseconds)().ok() ? Status() : Status(Code::failed));
  row.latency = latency_of(std::move(microseconds));
  if (in_flight == 1) {
    ASSIGN_OR_RETURN(row.raw_latency, raw_latency(options.seconds / 2, kMessage));
  }
  report.rows.push_back(std::move(row));
  return Status();
}

}  // namespace

Result<Report> bench_net(const Options& options) {
  Report report;
  report.part = "net";
  RETURN_IF_ERROR(add_streams(options, report));
  RETURN_IF_ERROR(add_calls(options, report, "call-64B-256-in-flight", pumped_calls(kMessagesInFlight, options.seconds),
                            kMessagesInFlight, Goal::at_least(1e6)));
  RETURN_IF_ERROR(add_calls(options, report, "call-64B-256-coroutines",
                            calls(kMessagesInFlight, options.seconds, nullptr), kMessagesInFlight, Goal()));
  RETURN_IF_ERROR(add_calls(options, report, "call-64B-1-in-flight", calls(1, options.seconds, nullptr), 1,
                            Goal::ratio_at_least(0.8)));
  return report;
}

}  // namespace vortex::bench
