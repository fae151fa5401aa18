# Leaves of the audit log, one JSON object each, as OCSF events: docs/ocsf.md.
#   moniker audit tail | jq -c -f docs/ocsf.jq

# Event: class, activity.
def table: {
  "enroll.ok": [3004, 6],
  "enroll.replace": [3004, 6],
  "enroll.refused": [3004, 6],
  "renew.ok": [3004, 3],
  "renew.refused": [3004, 3],
  "rotate.ok": [3004, 3],
  "rotate.refused": [3004, 3],
  "cert.issue": [3004, 1],
  "cert.adopt": [3004, 3],
  "cert.abort": [3004, 4],
  "cert.revoke": [3004, 7],
  "cert.supersede": [3004, 7],
  "cert.hold": [3004, 9],
  "cert.release": [3004, 8],
  "cert.refused": [3004, 99],
  "device.revoke": [3004, 7],
  "device.readmit": [3004, 8],
  "crl.publish": [3004, 3],
  "crl.fail": [3004, 3],
  "batch.open": [3004, 1],
  "batch.change": [3004, 3],
  "batch.close": [3004, 9],
  "batch.refused": [3004, 1],
  "token.mint": [3004, 1],
  "token.burn": [3004, 4],
  "svc.start": [6002, 3],
  "svc.stop": [6002, 4],
  "svc.heartbeat": [6002, 99],
  "svc.down": [2004, 3],
  "svc.degraded": [2004, 1],
  "svc.restored": [2004, 3],
  "data.fault": [2004, 1],
  "admin.login.ok": [3002, 1],
  "admin.login.refused": [3002, 1],
  "admin.grant": [3005, 1],
  "config.change": [6002, 8],
  "key.create": [3004, 1],
  "key.rotate": [3004, 3],
  "key.destroy": [3004, 4],
  "seatset.change": [3004, 3],
  "seat.export": [3004, 2],
  "seat.reseal": [3004, 3],
  "seat.lost": [3004, 9],
  "seat.refused": [3004, 99],
  "backup.restore": [3004, 99],
  "disclosure.submit": [3004, 1],
  "disclosure.approve": [3004, 3],
  "disclosure.export": [3004, 2],
  "disclosure.close": [3004, 99],
  "disclosure.refused": [3004, 99],
  "privacy.erase": [3004, 4],
  "privacy.erased": [3004, 4],
  "privacy.refused": [3004, 99],
  "log.open": [3004, 1],
  "log.close": [3004, 99],
  "log.export": [3004, 2],
  "log.prune": [3004, 99],
  "log.hold": [3004, 99],
  "log.release": [3004, 99],
  "log.gap": [3004, 99],
  "log.verify": [3004, 99]
};

# What is not in the table is of a newer version: a base event, so that nothing is lost.
(table[.ev] // [0, 99]) as [$class, $activity] |
{
  category_uid: ($class / 1000 | floor),
  class_uid: $class,
  activity_id: $activity,
  type_uid: ($class * 100 + $activity),
  time: (.t | fromdate * 1000),
  severity_id: .sev,
  status_id: (if .out == "success" then 1 else 2 end),
  status_code: .rc,
  count: (.cnt // 1),
  metadata: {
    version: "1.1.0",
    product: {name: "Moniker", vendor_name: "Moniker"},
    event_code: .ev,
    sequence: .seq,
    logged_time: (.st | fromdate * 1000)
  },
  raw_data: tojson
}
+ (if .win then {duration: (.win * 1000)} else {} end)
+ (if .act then {actor: {user: {uid: .act}}} else {} end)
+ (if .sub then {resources: [{uid: .sub}]} else {} end)
