#include "tools/dev/cluster.h"

#include <signal.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace vortex::dev {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr Duration kStartPatience = seconds(60);
constexpr Duration kStopPatience = seconds(60);
constexpr const char* kStateFile = "/cluster.json";

Status write_text(const std::string& path, const std::string& text) {
  std::string fresh = path + ".new";
  std::ofstream file(fresh);
  file << text << "\n";
  file.close();
  std::error_code error;
  if (file) fs::rename(fresh, path, error);
  if (!file || error) return Error(Code::io_error, "cannot write " + path);
  return Status();
}

Result<std::string> read_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return Error(Code::not_found, "there is no " + path);
  return text.str();
}

Error damaged_state(const std::string& path) { return Error(Code::damaged, path + " is not what was written there"); }

std::string loopback(std::uint64_t port) { return "127.0.0.1:" + std::to_string(port); }

}  // namespace

Result<Cluster> Cluster::create(std::string directory, ClusterOptions options) {
  if (options.nodes < 1 || options.nodes > kDevNodesMax)
    return Error(Code::invalid_argument, "a local cluster has 1 to " + std::to_string(kDevNodesMax) + " nodes");
  if (fs::exists(directory + kStateFile)) return Error(Code::exists, "there is a cluster in " + directory);
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return Error(Code::io_error, "cannot make " + directory + ": " + error.message());
  Cluster cluster(fs::absolute(directory).lexically_normal().string());
  cluster.options_ = std::move(options);
  for (std::size_t i = 0; i < cluster.options_.nodes; ++i) {
    auto added = cluster.add();
    if (added.ok()) continue;
    // Nothing is left of a cluster that did not come up but the logs that say why.
    for (const DevNode& node : cluster.nodes_) RETURN_IF_ERROR(end_child(node.child, SIGKILL, kStopPatience));
    fs::remove(cluster.directory_ + kStateFile, error);
    return added.error();
  }
  return cluster;
}

Result<Cluster> Cluster::open(std::string directory) {
  auto text = read_text(directory + kStateFile);
  if (!text.ok()) return Error(Code::not_found, "there is no cluster in " + directory);
  Cluster cluster(std::move(directory));
  json state = json::parse(*text, nullptr, false);
  try {
    cluster.options_.base_port = state.at("base_port").get<std::uint16_t>();
    cluster.options_.topology = state.at("topology").get<std::string>();
    cluster.options_.transport = state.at("transport").get<std::string>();
    cluster.options_.more = state.at("more").get<std::vector<std::string>>();
    for (const json& each : state.at("nodes")) {
      DevNode node;
      node.index = each.at("index").get<std::size_t>();
      node.child.pid = each.at("pid").get<int>();
      node.child.started = each.at("started").get<std::uint64_t>();
      node.address = each.at("address").get<std::string>();
      node.data = each.at("data").get<std::string>();
      cluster.nodes_.push_back(std::move(node));
    }
  } catch (const json::exception&) {
    return damaged_state(cluster.directory_ + kStateFile);
  }
  return cluster;
}

Status Cluster::save() const {
  json nodes = json::array();
  for (const DevNode& node : nodes_)
    nodes.push_back({{"index", node.index},
                     {"pid", node.child.pid},
                     {"started", node.child.started},
                     {"address", node.address},
                     {"data", node.data}});
  json state = {{"base_port", options_.base_port},
                {"topology", options_.topology},
                {"transport", options_.transport},
                {"more", options_.more},
                {"nodes", nodes}};
  return write_text(directory_ + kStateFile, state.dump(2));
}

Status Cluster::save_client() const {
  json addresses = json::array();
  for (const DevNode& node : nodes_) addresses.push_back(node.address);
  json client = {{"connect", addresses}, {"key", nodes_.front().data + "/root.key"}, {"transport", options_.transport}};
  return write_text(client_config(), client.dump(2));
}

Result<DevNode*> Cluster::find(std::size_t index) {
  for (DevNode& node : nodes_)
    if (node.index == index) return &node;
  return Error(Code::not_found, "there is no node " + std::to_string(index));
}

Status Cluster::launch(DevNode& node, const std::vector<std::string>& first_time) {
  std::vector<std::string> command = {program_directory() + "/vortex-node", "--data", node.data, "--listen",
                                      node.address};
  command.insert(command.end(), {"--topology", options_.topology, "--transport", options_.transport});
  command.insert(command.end(), options_.more.begin(), options_.more.end());
  command.insert(command.end(), first_time.begin(), first_time.end());
  ASSIGN_OR_RETURN(Started started, start_child(command, node.data + ".log", kStartPatience));
  if (!started.first_line.starts_with("ready ")) {
    RETURN_IF_ERROR(end_child(started.child, SIGKILL, kStopPatience));
    return Error(Code::failed, "node " + std::to_string(node.index) + " said: " + started.first_line);
  }
  node.child = started.child;
  return Status();
}

Status Cluster::start(std::size_t index) {
  ASSIGN_OR_RETURN(DevNode * node, find(index));
  if (node->child.alive()) return Status();
  RETURN_IF_ERROR(launch(*node, {}));
  return save();
}

Status Cluster::end(std::size_t index, int signal) {
  ASSIGN_OR_RETURN(DevNode * node, find(index));
  return end_child(node->child, signal, kStopPatience);
}

Status Cluster::stop(std::size_t index) { return end(index, SIGTERM); }
Status Cluster::kill(std::size_t index) { return end(index, SIGKILL); }

Result<std::size_t> Cluster::add() {
  DevNode node;
  node.index = nodes_.empty() ? 1 : nodes_.back().index + 1;
  std::uint64_t port = options_.base_port + node.index - 1;
  if (port > 65535) return Error(Code::invalid_argument, "there is no port " + std::to_string(port));
  node.address = loopback(port);
  node.data = directory_ + "/node-" + std::to_string(node.index);
  std::vector<std::string> first_time = {"--create"};
  if (!nodes_.empty()) first_time = {"--join", nodes_.front().data + "/join.token"};
  RETURN_IF_ERROR(launch(node, first_time));
  nodes_.push_back(node);
  RETURN_IF_ERROR(save());
  RETURN_IF_ERROR(save_client());
  return node.index;
}

Status Cluster::down() {
  for (const DevNode& node : nodes_) RETURN_IF_ERROR(end_child(node.child, SIGKILL, kStopPatience));
  std::error_code error;
  for (const DevNode& node : nodes_) {
    fs::remove_all(node.data, error);
    fs::remove(node.data + ".log", error);
  }
  fs::remove(client_config(), error);
  fs::remove(directory_ + kStateFile, error);
  fs::remove(directory_, error);  // only if nothing else is in it
  return Status();
}

}  // namespace vortex::dev
