#include "node/node.h"

#include <future>
#include <mutex>

#include "base/log.h"
#include "base/real/loop_thread.h"
#include "node/api/convert.h"

namespace vortex::api {

namespace {

class CallbackSink final : public LogSink {
 public:
  explicit CallbackSink(std::function<void(const std::string&)> callback) : callback_(std::move(callback)) {}
  void write(const LogRecord& record) override {
    if (callback_) callback_(log_text_line(record));
  }

 private:
  const std::function<void(const std::string&)> callback_;
};

RealOptions real_options(CallbackSink& sink) {
  RealOptions options;
  options.log_sink = &sink;
  return options;
}

vortex::Result<node::NodeOptions> options_of(const NodeOptions& from) {
  node::NodeOptions options;
  Settings settings;
  node::declare(settings, options);
  std::vector<std::string> arguments;
  auto say = [&arguments](const std::string& name, const std::string& value) {
    if (!value.empty()) arguments.push_back("--" + name + "=" + value);
  };
  for (const auto& [name, value] : from.settings) say(name, value);
  say("data", from.data);
  say("listen", from.listen);
  say("advertise", from.advertise);
  say("join", from.join);
  if (from.create) say("create", "true");
  ASSIGN_OR_RETURN(std::vector<std::string> rest, settings.read_arguments(arguments));
  if (!rest.empty()) return vortex::Error(vortex::Code::bad_config, "there is no setting \"" + rest.front() + "\"");
  RETURN_IF_ERROR(node::validate(options));
  bool everywhere = options.listen.host.empty() || options.listen.host == "0.0.0.0" || options.listen.host == "::";
  if (everywhere && options.advertise.host.empty())
    return vortex::Error(vortex::Code::bad_config,
                         "setting \"advertise\": a node that listens on all addresses has to say which one others use");
  return options;
}

struct Started {
  std::string id, address;
};

}  // namespace

struct Node::State {
  explicit State(std::function<void(const std::string&)> log)
      : sink(std::move(log)), thread(real_options(sink)), asked(thread.env().loop()) {}
  CallbackSink sink;
  LoopThread thread;
  // The loop's.
  bool ending = false;
  Parking asked;

  std::string id, address;
  std::once_flag stopped;

  static Task<int> live(State& state, node::NodeOptions options,
                        std::shared_ptr<std::promise<vortex::Result<Started>>> answer) {
    auto started = co_await node::Node::start(state.thread.env(), std::move(options));
    if (!started.ok()) {
      answer->set_value(started.error());
      co_return 1;
    }
    std::unique_ptr<node::Node> node = std::move(*started);
    Started about;
    about.id = node->id().hex();
    about.address = node->address().to_string();
    answer->set_value(std::move(about));
    while (!state.ending) co_await state.asked.park();
    co_await node->stop();
    co_return 0;
  }
};

Result<Node> Node::start(NodeOptions options) {
  auto parsed = options_of(options);
  if (!parsed.ok()) return to_public(parsed.error());
  auto state = std::make_unique<State>(options.log);
  auto answer = std::make_shared<std::promise<vortex::Result<Started>>>();
  auto future = answer->get_future();
  state->thread.start(State::live(*state, std::move(*parsed), answer));
  auto started = future.get();
  if (!started.ok()) {
    state->thread.join();
    return to_public(started.error());
  }
  state->id = std::move(started->id);
  state->address = std::move(started->address);
  return Node(std::move(state));
}

Node::Node(std::unique_ptr<State> state) : state_(std::move(state)) {}

Node::Node(Node&& other) noexcept = default;

Node& Node::operator=(Node&& other) noexcept {
  stop();
  state_ = std::move(other.state_);
  return *this;
}

Node::~Node() { stop(); }

void Node::stop() {
  if (!state_) return;
  State* state = state_.get();
  std::call_once(state->stopped, [state] {
    state->thread.post([state] {
      state->ending = true;
      state->asked.wake();
    });
    state->thread.join();
  });
}

const std::string& Node::id() const { return state_->id; }
const std::string& Node::address() const { return state_->address; }

}  // namespace vortex::api
