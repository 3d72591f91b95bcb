"""deploy/kubernetes.yaml against the schemas of Kubernetes, and against what Skep does."""
import pathlib
import re
import sys
import unittest

import kubernetes_validate
import yaml

ROOT = pathlib.Path(sys.argv.pop()) if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]
# The oldest release whose gRPC probes are no preview, some between, the newest known.
RELEASES = ["1.27", "1.31", kubernetes_validate.latest_version()]


class ManifestTest(unittest.TestCase):
    def setUp(self):
        text = (ROOT / "deploy/kubernetes.yaml").read_text()
        self.objects = {o["kind"]: o for o in yaml.safe_load_all(text)}
        self.pod = self.objects["Deployment"]["spec"]["template"]
        self.skep = self.pod["spec"]["containers"][0]

    def argument(self, name):
        return next(a.split("=", 1)[1] for a in self.skep["args"] if a.startswith(f"--{name}="))

    def test_every_object_is_valid(self):
        for kind, value in self.objects.items():
            for release in RELEASES:
                with self.subTest(kind=kind, release=release):
                    kubernetes_validate.validate(value, release, strict=True)

    def test_an_unknown_field_is_noticed(self):
        self.skep["readinesProbe"] = {}
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(self.objects["Deployment"], RELEASES[-1], strict=True)

    def test_grace_period_covers_the_drain(self):
        sleep = float(self.skep["lifecycle"]["preStop"]["exec"]["command"][1])
        drain = float(self.argument("drain-timeout"))
        self.assertGreaterEqual(self.pod["spec"]["terminationGracePeriodSeconds"], sleep + drain + 5)

    def test_ports_agree(self):
        ports = {p["name"]: p["containerPort"] for p in self.skep["ports"]}
        for name in ("grpc", "metrics"):
            self.assertEqual(self.argument(f"{name}-address"), f"0.0.0.0:{ports[name]}")
        for port in self.objects["Service"]["spec"]["ports"]:
            self.assertEqual(port["port"], ports[port["targetPort"]])
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            self.assertEqual(self.skep[probe]["grpc"]["port"], ports["grpc"])
        exposed = re.search(r"^EXPOSE (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[1]
        self.assertEqual({int(p) for p in exposed.split()}, set(ports.values()))

    def test_probes_ask_for_the_service_of_the_proto(self):
        proto = (ROOT / "proto/skep/v1/inference.proto").read_text()
        package = re.search(r"^package ([\w.]+);", proto, re.MULTILINE)[1]
        service = re.search(r"^service (\w+)", proto, re.MULTILINE)[1]
        for probe in ("startupProbe", "readinessProbe"):
            self.assertEqual(self.skep[probe]["grpc"]["service"], f"{package}.{service}")

    def test_runs_as_the_image_user_with_nothing_to_spare(self):
        user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        security = self.pod["spec"]["securityContext"]
        self.assertEqual((security["runAsUser"], security["runAsGroup"]), (int(user[1]), int(user[2])))
        self.assertTrue(security["runAsNonRoot"])
        self.assertEqual(security["seccompProfile"], {"type": "RuntimeDefault"})
        for container in self.pod["spec"]["containers"] + self.pod["spec"]["initContainers"]:
            self.assertEqual(container["securityContext"]["capabilities"], {"drop": ["ALL"]})
            self.assertTrue(container["securityContext"]["readOnlyRootFilesystem"])
            self.assertFalse(container["securityContext"]["allowPrivilegeEscalation"])
            self.assertIn("memory", container["resources"]["limits"])

    def test_the_default_model_is_the_one_of_tools(self):
        script = (ROOT / "tools/get_model").read_text()
        sha256, package = re.search(r'"smollm2": Model\([^,]*,\s*"(\w+)",\s*\("([^"]+)"', script).groups()
        fetch = self.pod["spec"]["initContainers"][0]["args"][0]
        self.assertIn(sha256, fetch)
        self.assertIn(package, fetch)


if __name__ == "__main__":
    unittest.main()
