#!/usr/bin/env python3
"""infra/restore against moto, which has DynamoDB, CloudFormation and KMS in one server, with the table of infra/template.yaml.

moto restores the items as they are now: it knows no earlier moment, and the window of a table is the moment in which its recovery was
turned on. Its tables are ACTIVE at once. It drops billing and encryption in a restore, which `keep_overrides` makes good, and lets no
stack go of a resource by a condition. So these tests show the script's steps, and no moment of the past.
"""

import json
import logging
import os
import subprocess
import sys
import unittest
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import yaml
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import RestoredPITTable, RestoredTable
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).resolve().parent.parent
STACK = "rekey-test"
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1", "AWS_CONFIG_FILE": "/dev/null",
}


class Tagged(yaml.SafeLoader):
    """Reads the short forms of CloudFormation's functions as the long ones."""


def long_form(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.SequenceNode):
        value: Any = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_scalar(node)
        value = value.split(".", 1) if name == "GetAtt" else value
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


Tagged.add_multi_constructor("!", long_form)


def keep_overrides(table: type, method: str) -> None:
    """Has moto's restored tables keep what AWS's have by the overrides of the call: billing and encryption."""
    parse = getattr(table, method)

    def with_overrides(self: Any, source: Any) -> dict[str, Any]:
        of = getattr(source, "table", source)
        return parse(self, source) | {"billing_mode": of.billing_mode, "sse_specification": of.sse_specification}

    setattr(table, method, with_overrides)


keep_overrides(RestoredPITTable, "_parse_params_from_table")
keep_overrides(RestoredTable, "_parse_params_from_backup")
logging.getLogger("werkzeug").setLevel(logging.ERROR)

TEMPLATE = yaml.load((ROOT / "infra/template.yaml").read_text(), Tagged)


def table_stack() -> str:
    """The part of the template that is about the table, with every parameter, as moto can read it."""
    resources = {name: TEMPLATE["Resources"][name] for name in ("Key", "Table", "TableInUse", "TableArn", "TableStream")}
    for name in ("TableInUse", "TableArn", "TableStream"):
        resources[name]["Properties"]["Name"] = name
    return json.dumps({
        "Parameters": TEMPLATE["Parameters"],
        "Conditions": {"OwnsTable": TEMPLATE["Conditions"]["OwnsTable"]},
        "Resources": resources,
        "Outputs": {name: TEMPLATE["Outputs"][name] for name in ("TableName", "KeyArn")},
    })


class Restore(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.server = ThreadedMotoServer(port=0, verbose=False)
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)
        host, port = cls.server.get_host_and_port()
        cls.endpoint = f"http://{host}:{port}"
        session = boto3.Session("local", "local", region_name="us-east-1")
        cls.dynamodb, cls.stacks = (session.client(name, endpoint_url=cls.endpoint) for name in ("dynamodb", "cloudformation"))

    def setUp(self) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/moto-api/reset", method="POST")).close()
        given = {name: str(one.get("Default", "no-reply@portal.test")) for name, one in TEMPLATE["Parameters"].items()}
        given["LogRetentionDays"] = "14"
        parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
        self.stacks.create_stack(StackName=STACK, TemplateBody=table_stack(), Parameters=parameters)
        self.old = self.outputs()["TableName"]
        # moto's CloudFormation leaves these out. It writes `SSEEnabled` where DynamoDB has `Enabled`.
        dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].tables[self.old].sse_specification["Enabled"] = True
        expiry = {"Enabled": True, "AttributeName": "expires_at"}
        self.dynamodb.update_time_to_live(TableName=self.old, TimeToLiveSpecification=expiry)
        self.recover(PointInTimeRecoveryEnabled=True, RecoveryPeriodInDays=14)
        self.tag = {"Key": "owner", "Value": "records"}
        self.dynamodb.tag_resource(ResourceArn=self.table(self.old)["TableArn"], Tags=[self.tag])
        self.items = [self.put(f"ACCOUNT#{number}") for number in range(3)]
        self.to = self.recovery(self.old)["LatestRestorableDateTime"].astimezone(UTC)
        self.new = f"{STACK}-{self.to:%Y%m%dT%H%M%SZ}"

    def table(self, name: str) -> dict[str, Any]:
        return self.dynamodb.describe_table(TableName=name)["Table"]

    def recover(self, **specification: Any) -> None:
        self.dynamodb.update_continuous_backups(TableName=self.old, PointInTimeRecoverySpecification=specification)

    def recovery(self, name: str) -> dict[str, Any]:
        found = self.dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        return found["PointInTimeRecoveryDescription"]

    def put(self, pk: str) -> dict[str, Any]:
        item = {"pk": {"S": pk}, "sk": {"S": "ACCOUNT"}, "expires_at": {"N": "4102444800"}}
        self.dynamodb.put_item(TableName=self.old, Item=item)
        return item

    def stack(self) -> dict[str, Any]:
        return self.stacks.describe_stacks(StackName=STACK)["Stacks"][0]

    def outputs(self) -> dict[str, str]:
        return {one["OutputKey"]: one["OutputValue"] for one in self.stack()["Outputs"]}

    def parameters(self) -> dict[str, str]:
        return {one["ParameterKey"]: one["ParameterValue"] for one in self.stack()["Parameters"]}

    def restore(self, *options: str, stack: str = STACK) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "infra/restore"), "--stack", stack, "--endpoint-url", self.endpoint, *options]
        return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)

    def restored(self, *options: str) -> dict[str, str]:
        """What a restore that succeeds says of the parameters."""
        source = () if "--backup" in options else ("--to", self.to.isoformat())
        done = self.restore(*source, *options)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)

    def stopped(self, *options: str, stack: str = STACK) -> str:
        done = self.restore(*options, stack=stack)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertTrue(done.stderr.startswith("stopped: "), done.stderr)
        return done.stderr

    def assert_whole(self, name: str) -> None:
        """The table has the items, and everything that the template gives the stack's own."""
        scanned = self.dynamodb.scan(TableName=name)["Items"]
        self.assertEqual(sorted(scanned, key=str), sorted(self.items, key=str))
        table, old = self.table(name), self.table(self.old)
        for part in ("KeySchema", "AttributeDefinitions", "BillingModeSummary", "SSEDescription"):
            self.assertEqual(table[part], old[part], part)
        indexes = [index["IndexName"] for index in TEMPLATE["Resources"]["Table"]["Properties"]["GlobalSecondaryIndexes"]]
        self.assertEqual(sorted(index["IndexName"] for index in table["GlobalSecondaryIndexes"]), sorted(indexes))
        self.assertEqual(table["StreamSpecification"], {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
        self.assertTrue(table["DeletionProtectionEnabled"])
        expiry = self.dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        self.assertEqual(expiry, {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"})
        recovery = self.recovery(name)
        self.assertEqual((recovery["PointInTimeRecoveryStatus"], recovery["RecoveryPeriodInDays"]), ("ENABLED", 14))
        tags = self.dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
        self.assertEqual([tag for tag in tags if not tag["Key"].startswith("aws:")], [self.tag])

    def test_a_restored_table_is_whole_and_the_stack_is_told_how_to_adopt_it(self) -> None:
        said = self.restored()
        self.assert_whole(self.new)
        self.assertEqual((said["TableName"], said["TableStreamArn"]), (self.new, self.table(self.new)["LatestStreamArn"]))
        self.assertLess(abs(datetime.fromisoformat(said["VoidBefore"]) - datetime.now(UTC)), timedelta(minutes=1))
        self.assertEqual(self.outputs()["TableName"], self.old, "nothing is adopted without being told")
        for name, value in said.items():
            parameter = TEMPLATE["Parameters"][name]
            self.assertIn(value, parameter.get("AllowedValues", [value]), name)
            self.assertRegex(value, parameter.get("AllowedPattern", ".*"), name)

    def test_an_interrupted_restore_goes_on_where_it_was_and_the_stack_adopts_it(self) -> None:
        # It was stopped when the table was there, with nothing that AWS leaves out, and the old table has gone on.
        self.dynamodb.restore_table_to_point_in_time(SourceTableName=self.old, TargetTableName=self.new, RestoreDateTime=self.to)
        self.put("ACCOUNT#later")
        before = self.parameters()
        said = self.restored("--adopt")
        self.assert_whole(self.new)
        after = self.parameters()
        self.assertEqual(after, before | said, "every other parameter is as it was")
        self.assertEqual(self.outputs()["TableName"], self.new)
        self.assertEqual(len(self.dynamodb.scan(TableName=self.old)["Items"]), 4, "the old table is left as it is")
        self.restored("--adopt")
        self.assertEqual(self.parameters(), after, "done is done")

    def test_a_backup_is_restored_too(self) -> None:
        made = self.dynamodb.create_backup(TableName=self.old, BackupName="before")["BackupDetails"]["BackupArn"]
        self.put("ACCOUNT#later")
        self.restored("--backup", made)
        self.assert_whole(f"{STACK}-{made.rpartition('/')[2]}")

    def test_what_cannot_be_restored_says_what_to_do(self) -> None:
        to = self.to.isoformat()
        self.assertIn("check --stack", self.stopped("--to", to, stack="elsewhere"))
        for moment in (self.to - timedelta(days=40), self.to + timedelta(days=1)):
            self.assertRegex(self.stopped("--to", moment.isoformat()), r"to a moment from \S+Z to \S+Z: choose another")
        self.assertIn("restore a backup", self.stopped("--to", to, "--table", "gone"))
        self.assertIn("check it", self.stopped("--backup", f"{self.table(self.old)['TableArn']}/backup/0-gone"))
        for text in ("yesterday", "2026-11-20T09:00:00"):
            done = self.restore("--to", text)
            self.assertEqual((done.returncode, "is no time such as" in done.stderr), (2, True), done.stderr)
        attributes, keys = {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "pk", "KeyType": "HASH"}
        of_another = {"AttributeDefinitions": [attributes], "KeySchema": [keys], "BillingMode": "PAY_PER_REQUEST"}
        self.dynamodb.create_table(TableName=self.new, **of_another)
        self.assertIn("was not restored from", self.stopped("--to", to))
        self.dynamodb.delete_table(TableName=self.new)
        self.recover(PointInTimeRecoveryEnabled=False)
        self.assertIn("has no point-in-time recovery", self.stopped("--to", to))
        self.assertEqual(self.dynamodb.list_tables()["TableNames"], [self.old], "nothing was made")

    def test_a_table_that_is_not_what_the_old_one_was_is_not_adopted(self) -> None:
        self.dynamodb.restore_table_to_point_in_time(SourceTableName=self.old, TargetTableName=self.new, RestoreDateTime=self.to)
        self.dynamodb.update_table(TableName=self.new, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "actor-log"}}])
        self.assertIn("differs", self.stopped("--to", self.to.isoformat(), "--adopt"))
        self.assertEqual(self.outputs()["TableName"], self.old)

    def test_a_stack_of_an_earlier_release_is_deployed_first(self) -> None:
        resources = {"Queue": {"Type": "AWS::SQS::Queue"}}
        self.stacks.create_stack(StackName="earlier", TemplateBody=json.dumps({"Resources": resources}))
        self.assertIn("deploy this release", self.stopped("--to", self.to.isoformat(), stack="earlier"))


if __name__ == "__main__":
    unittest.main()
