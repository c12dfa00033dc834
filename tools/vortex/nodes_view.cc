#include "tools/vortex/nodes_view.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "tools/cli/text_table.h"
#include "tools/vortex/json_list.h"

namespace vortex {

namespace {
void sort_nodes(std::vector<NodeView>& nodes) {
  std::sort(nodes.begin(), nodes.end(), [](const NodeView& a, const NodeView& b) {
    return std::tie(a.zone, a.address, a.id) < std::tie(b.zone, b.address, b.id);
  });
}

std::string used_text(const NodeView& node) {
  if (node.capacity == 0) return human_size(node.used);
  double share = static_cast<double>(node.used) / static_cast<double>(node.capacity);
  return human_size(node.used) + " (" + human_share(share) + ")";
}

nlohmann::json node_json(const NodeView& node) {
  return {{"id", node.id.hex()},       {"address", node.address},   {"zone", node.zone}, {"health", node.health},
          {"standing", node.standing}, {"capacity", node.capacity}, {"used", node.used}, {"leads", node.leads},
          {"uptime_s", node.uptime_s}, {"version", node.version}};
}

std::string count_line(const std::vector<NodeView>& nodes) {
  std::map<std::string, std::size_t> counts;
  for (const NodeView& node : nodes) ++counts[node.health];
  std::string text = std::to_string(nodes.size()) + (nodes.size() == 1 ? " node" : " nodes");
  for (const auto& [health, count] : counts) text += ", " + std::to_string(count) + " " + health;
  return text + "\n";
}
}  // namespace

std::size_t distinct_digits(const std::vector<NodeId>& ids) {
  std::vector<NodeId> sorted = ids;
  std::sort(sorted.begin(), sorted.end());
  std::size_t digits = 8;
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i] == sorted[i - 1]) continue;
    digits = std::max(digits, static_cast<std::size_t>(sorted[i].distance(sorted[i - 1]).leading_zeros()) / 4 + 1);
  }
  return digits;
}

std::string nodes_text(std::vector<NodeView> nodes) {
  sort_nodes(nodes);
  std::vector<NodeId> ids;
  for (const NodeView& node : nodes) ids.push_back(node.id);
  std::size_t digits = distinct_digits(ids);
  TextTable table;
  for (const char* title : {"NODE", "ADDRESS", "ZONE", "HEALTH", "STANDING"}) table.column(title);
  for (const char* title : {"CAPACITY", "USED", "LEADS", "UP"}) table.column(title, TextTable::Align::right);
  table.column("VERSION");
  for (const NodeView& node : nodes) {
    bool up = node.health != "dead";
    std::vector<std::string> cells = {node.id.hex().substr(0, digits), node.address,
                                      node.zone.empty() ? "-" : node.zone};
    cells.push_back(node.health);
    cells.push_back(node.standing);
    cells.push_back(human_size(node.capacity));
    cells.push_back(up ? used_text(node) : "-");
    cells.push_back(up ? std::to_string(node.leads) : "-");
    cells.push_back(up ? human_age(node.uptime_s) : "-");
    cells.push_back(node.version.empty() ? "-" : node.version);
    table.row(std::move(cells));
  }
  return table.to_text() + count_line(nodes);
}

nlohmann::json nodes_json(std::vector<NodeView> nodes) {
  sort_nodes(nodes);
  return json_list(nodes, node_json);
}

Result<net::Member> member_named(const net::ListMembersResponse& members, const std::string& name) {
  std::vector<net::Member> found;
  for (const net::Member& member : members.members)
    if (member.address.to_string() == name || (name.size() >= 4 && member.id.hex().starts_with(name)))
      found.push_back(member);
  if (found.size() == 1) return found.front();
  if (found.empty()) return Error(Code::not_found, "there is no node " + name);
  return Error(Code::invalid_argument, std::to_string(found.size()) + " nodes begin with " + name + ": say more of it");
}

}  // namespace vortex
